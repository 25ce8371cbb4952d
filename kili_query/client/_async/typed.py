"""The methods as type checkers see them: `typed.pyi` says what each gives for which arguments."""

from kili_query.client._async.assets import AsyncAssets as AsyncAssets
from kili_query.client._async.labels import AsyncLabels as AsyncLabels
from kili_query.client._async.projects import AsyncProjects as AsyncProjects
