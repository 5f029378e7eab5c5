// One object of each thread, freed when the thread ends.
#pragma once
#include <pthread.h>

#include <memory>
#include <new>

namespace kvern::kernels {

/// The T of the calling thread: made at its first use, deleted when the thread ends, except the main thread's, which lasts as
/// long as the process. A `thread_local T` would need an entry of glibc's for its destructor, and glibc ends the process where
/// it cannot allocate one; this throws std::bad_alloc, and what T's constructor throws.
template <class T>
class ThreadOwned {
 public:
  static T &get() {
    if (mine_ == nullptr) make();
    return *mine_;
  }

 private:
  static void make() {
    static const pthread_key_t key = new_key();
    auto made = std::make_unique<T>();
    if (pthread_setspecific(key, made.get()) != 0) throw std::bad_alloc();
    mine_ = made.release();
  }

  static pthread_key_t new_key() {
    pthread_key_t key{};
    if (pthread_key_create(&key, &remove) != 0) throw std::bad_alloc();
    return key;
  }

  static void remove(void *owned) {
    mine_ = nullptr;
    delete static_cast<T *>(owned);
  }

  static inline thread_local T *mine_ = nullptr;
};

}  // namespace kvern::kernels
