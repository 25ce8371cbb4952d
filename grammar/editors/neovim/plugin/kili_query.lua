-- Starts `kili-query lsp` for Python and .kq files, in Neovim 0.7 and later; 0.11 needs only the lines in docs/editors.md.
-- vim.g.kili_query_command may name another program and its first arguments, as a list.
vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, { pattern = "*.kq", command = "setfiletype kili-query" })

local MARKS = { "pyproject.toml", "kili-ontology.json", ".git" }
local clients = {} -- by folder

local function root(file)
  local beside = vim.fn.fnamemodify(file, ":h")
  local folder, below = beside, nil
  while folder ~= below do
    for _, mark in ipairs(MARKS) do
      if vim.fn.empty(vim.fn.glob(folder .. "/" .. mark)) == 0 then
        return folder
      end
    end
    folder, below = vim.fn.fnamemodify(folder, ":h"), folder
  end
  return beside
end

-- one client for each folder; Neovim 0.7 has no vim.lsp.start, which would see to that
local function start(config)
  local id = clients[config.root_dir]
  if not (id and vim.lsp.get_client_by_id(id)) then
    id = vim.lsp.start_client(config)
    clients[config.root_dir] = id
  end
  vim.lsp.buf_attach_client(0, id)
end

local function attach(event)
  if vim.bo[event.buf].buftype ~= "" or event.file == "" then
    return
  end
  local command = vim.deepcopy(vim.g.kili_query_command or { "kili-query" })
  if vim.fn.executable(command[1]) == 0 then
    vim.notify_once(command[1] .. ' is not found. It comes with: pip install "kili_query[editor]"', vim.log.levels.WARN)
    return
  end
  table.insert(command, "lsp")
  local folder = root(vim.fn.fnamemodify(event.file, ":p"))
  local run = vim.lsp.start or start
  run({ name = "kili-query", cmd = command, root_dir = folder })
  vim.bo[event.buf].omnifunc = "v:lua.vim.lsp.omnifunc"
  if vim.bo[event.buf].filetype == "kili-query" then
    vim.bo[event.buf].commentstring = "# %s"
  end
end

vim.api.nvim_create_autocmd("FileType", { pattern = { "python", "kili-query" }, callback = attach })
