# What the scripts of this folder share.

# run(<command> ...): fails where the command does.
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# skip(<reason>): one line, which ctest takes for a skipped test (SKIP_REGULAR_EXPRESSION).
macro(skip reason)
  message("SKIPPED: ${reason}")
  return()
endmacro()
