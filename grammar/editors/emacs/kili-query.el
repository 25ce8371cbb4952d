;;; kili-query.el --- Kili's category-search queries, with eglot  -*- lexical-binding: t; -*-

;; Package-Requires: ((emacs "26.3") (eglot "1.9"))

;;; Commentary:

;; A mode for .kq files, with `kili-query lsp' as its server.  For queries in Python, add to `eglot-server-programs'
;; what docs/editors.md says: eglot has one server for a buffer, and Python may have another one already.

;;; Code:

(require 'eglot)

(defvar kili-query-command '("kili-query" "lsp")
  "The program that serves queries, and its arguments.")

(defun kili-query-contact (&rest _)
  "How eglot starts the server, as the cdr of an entry in `eglot-server-programs'."
  kili-query-command)

(defvar kili-query-font-lock-keywords
  `((,(rx (group (+ (any alnum "_*-"))) "." (group (+ (any alnum "_*-"))) "." (group "count"))
     (1 font-lock-type-face)
     (2 font-lock-constant-face)
     (3 font-lock-variable-name-face))
    (,(rx symbol-start (or "AND" "OR" "NOT" "IN") symbol-end) . font-lock-keyword-face))
  "Colours of names and keywords.  What is right and wrong, the server says.")

;;;###autoload
(define-derived-mode kili-query-mode prog-mode "Kili query"
  "Mode for a file that holds one query."
  (setq-local comment-start "# ")
  (setq-local font-lock-defaults '(kili-query-font-lock-keywords)))

(modify-syntax-entry ?# "<" kili-query-mode-syntax-table)
(modify-syntax-entry ?\n ">" kili-query-mode-syntax-table)
(modify-syntax-entry ?* "_" kili-query-mode-syntax-table)
(modify-syntax-entry ?- "_" kili-query-mode-syntax-table)

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.kq\\'" . kili-query-mode))
(add-to-list 'eglot-server-programs '(kili-query-mode . kili-query-contact))
(add-hook 'kili-query-mode-hook #'eglot-ensure)

(provide 'kili-query)
;;; kili-query.el ends here
