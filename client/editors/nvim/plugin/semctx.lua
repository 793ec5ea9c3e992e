if vim.g.loaded_semctx then
  return
end
vim.g.loaded_semctx = true

vim.api.nvim_create_user_command('SemctxContext', function(command)
  require('semctx').context(command.args)
end, { nargs = '*', desc = 'What matters for the function under the cursor, or for these words' })
