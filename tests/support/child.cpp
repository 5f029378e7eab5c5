#include "tests/support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

namespace kvern::test {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

[[noreturn]] void execute(const std::vector<std::string> &command) {
  std::vector<char *> arguments;
  for (const auto &word : command) arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  ::signal(SIGINT, SIG_DFL);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

void read_nothing() { ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO); }

/// Appends what can be read now; false at the end.
bool append(int fd, std::string &to) {
  char buffer[4096];
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  if (n > 0) to.append(buffer, static_cast<size_t>(n));
  return n > 0;
}

}  // namespace

Child::Child(const std::vector<std::string> &command, Output output, Input input) {
  int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
  if (output == Output::terminal) {
    pid_ = ::forkpty(&out_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      if (input == Input::nothing) read_nothing();
      execute(command);
    }
  } else {
    if (::pipe(in) != 0 || ::pipe(out) != 0 || ::pipe(err) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      for (const int fd : {in[0], in[1], out[0], out[1], err[0], err[1]}) ::close(fd);
      if (input == Input::nothing) read_nothing();
      execute(command);
    }
    ::close(in[0]);
    in_ = in[1];
    ::close(out[1]);
    ::close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  if (pid_ < 0) throw std::runtime_error("no process");
}

Child::~Child() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (in_ >= 0) ::close(in_);
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
}

bool Child::read_some(int milliseconds) {
  pollfd fds[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  ::poll(fds, 2, milliseconds);
  const auto take = [](const pollfd &ready, int &fd, std::string &to) {
    if (fd < 0 || ready.revents == 0 || append(fd, to)) return;
    ::close(fd);
    fd = -1;
  };
  take(fds[0], out_, ran_.out);
  take(fds[1], err_, ran_.err);
  return out_ >= 0 || err_ >= 0;
}

bool Child::wait_for(const std::string &text, double seconds) {
  const auto start = Clock::now();
  const auto there = [&] { return ran_.out.find(text) != text.npos || ran_.err.find(text) != text.npos; };
  while (!there() && since(start) < seconds)
    if (!read_some(50)) break;
  return there();
}

void Child::write(const std::string &text) {
  const int to = in_ >= 0 ? in_ : out_;
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(to, text.data() + done, text.size() - done);
    if (n <= 0) throw std::runtime_error("the program reads no more");
    done += static_cast<size_t>(n);
  }
}

void Child::send(int signal) { ::kill(pid_, signal); }

Ran Child::finish(double seconds) {
  const auto start = Clock::now();
  while (since(start) < seconds && read_some(50)) {
  }
  for (int status = 0; since(start) < seconds; ::usleep(5000)) {
    if (::waitpid(pid_, &status, WNOHANG) != pid_) continue;
    ran_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    break;
  }
  return ran_;
}

}  // namespace kvern::test
