" Entries are JSON.
runtime! indent/json.vim
