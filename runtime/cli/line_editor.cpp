#include "runtime/cli/line_editor.hpp"

#include <dlfcn.h>
#include <histedit.h>

#include <cerrno>
#include <clocale>
#include <cstdio>

namespace kvern::cli {
namespace {

constexpr int kHistoryLines = 1000;

/// The functions of the library that are used.
struct Library {
  decltype(&::el_init) init;
  decltype(&::el_end) end;
  decltype(&::el_reset) reset;
  decltype(&::el_set) set;
  decltype(&::el_gets) gets;
  decltype(&::history_init) history_init;
  decltype(&::history_end) history_end;
  decltype(&::history) history;
};

template <typename Function>
bool load(void *library, const char *name, Function &function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

/// nullptr where the library is absent. It stays loaded.
const Library *library() {
  static Library functions;
  static const bool loaded = [] {
    void *handle = ::dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
    return handle && load(handle, "el_init", functions.init) && load(handle, "el_end", functions.end) &&
           load(handle, "el_reset", functions.reset) && load(handle, "el_set", functions.set) &&
           load(handle, "el_gets", functions.gets) && load(handle, "history_init", functions.history_init) &&
           load(handle, "history_end", functions.history_end) && load(handle, "history", functions.history);
  }();
  return loaded ? &functions : nullptr;
}

std::string shown_prompt;  // the library asks for it by a function without context

char *prompt_of(EditLine *) { return shown_prompt.data(); }

class LibeditEditor : public LineEditor {
 public:
  explicit LibeditEditor(const Library &functions) : functions_(functions) {
    std::setlocale(LC_CTYPE, "");  // characters of several bytes; numbers stay as they are
    editor_ = functions_.init("kvern", stdin, stderr, stderr);
    history_ = functions_.history_init();
    HistEvent event;
    functions_.history(history_, &event, H_SETSIZE, kHistoryLines);
    functions_.history(history_, &event, H_SETUNIQUE, 1);
    functions_.set(editor_, EL_PROMPT, prompt_of);
    functions_.set(editor_, EL_SIGNAL, 1);  // a signal finds the terminal as it was
    functions_.set(editor_, EL_EDITOR, "emacs");
    // Between two reads the terminal is in line mode, where Ctrl-D arrives as NUL.
    functions_.set(editor_, EL_BIND, "^@", "em-delete-or-list", nullptr);
    functions_.set(editor_, EL_HIST, functions_.history, history_);
  }
  ~LibeditEditor() override {
    functions_.end(editor_);
    functions_.history_end(history_);
  }

  LineReader::Line read(const std::string &prompt) override {
    shown_prompt = prompt;
    int count = 0;
    errno = 0;
    const char *text = functions_.gets(editor_, &count);
    if (!text && count < 0 && errno == EINTR) {
      std::fputs("^C\n", stderr);
      functions_.reset(editor_);
      return {LineReader::End::interrupted, ""};
    }
    if (!text || count <= 0) return {LineReader::End::closed, ""};
    std::string line(text, static_cast<size_t>(count));
    HistEvent event;
    if (line.find_first_not_of(" \t\r\n") != line.npos)
      functions_.history(history_, &event, H_ENTER, line.c_str());
    if (line.ends_with('\n')) line.pop_back();
    return {LineReader::End::line, std::move(line)};
  }

 private:
  const Library &functions_;
  EditLine *editor_ = nullptr;
  History *history_ = nullptr;
};

}  // namespace

std::unique_ptr<LineEditor> LineEditor::open() {
  const Library *functions = library();
  return functions ? std::make_unique<LibeditEditor>(*functions) : nullptr;
}

}  // namespace kvern::cli
