" Entries are JSON.
runtime! syntax/json.vim
