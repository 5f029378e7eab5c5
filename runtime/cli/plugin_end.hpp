// A plugin that takes the process with it: which one, and in which verb.
#pragma once

namespace kvern::cli {

/// From now on a crash or abort within a verb of a plugin, and a call of exit there, end the program with one line and the exit code of
/// plugin errors. Other crashes end as before.
void name_plugin_that_ends_the_program();

}  // namespace kvern::cli
