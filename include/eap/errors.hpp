// SPDX-License-Identifier: BSL-1.0
//
// Layer 0 – values. Decides which exceptions there are and what they say; knows nothing about who throws.
#ifndef EAP_ERRORS_HPP
#define EAP_ERRORS_HPP

#include <stdexcept>

namespace eap {

// A message says what happened, then what to do. A class that can say so itself has a default constructor.

/// A call that the object's present state does not allow. (.NET: InvalidOperationException)
class invalid_operation : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

/// The result of a cancelled operation was read; also what a worker throws to end as cancelled.
/// (.NET: InvalidOperationException "Operation has been cancelled.")
class operation_cancelled : public invalid_operation {
  public:
    using invalid_operation::invalid_operation;
    operation_cancelled()
        : invalid_operation{
              "The operation was cancelled and has no result. "
              "Ask cancelled() before reading it; of a call, that of what try_end_invoke() returns."} {}
};

/// A wait that could never end, refused before it began. (.NET waits for ever.)
class would_deadlock : public invalid_operation {
  public:
    using invalid_operation::invalid_operation;
    would_deadlock()
        : invalid_operation{"This wait could never end: what it waits for needs the waiting thread. "
                            "Wait on another thread, or continue in a handler."} {}
};

/// The task id is that of a pending operation. (.NET: ArgumentException)
class duplicate_task_id : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// The deadline decided the outcome. (.NET: TimeoutException)
class operation_timed_out : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
    operation_timed_out()
        : std::runtime_error{"The operation was not complete at its deadline. "
                             "Give it a longer time-out, or start it again."} {}
};

/// The worker let go of the operation without completing it. (.NET tells nobody.)
class operation_abandoned : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
    operation_abandoned()
        : std::runtime_error{"The worker let go of the operation without completing it. "
                             "Complete it with a value, an error or as cancelled before it is destroyed."} {}
};

/// The context no longer accepts work. (.NET: ObjectDisposedException)
class context_closed : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
    context_closed()
        : std::runtime_error{"The context is closed and accepts no more work. "
                             "Keep its owner open for as long as work is posted to it."} {}
};

/// The outcome "cancelled", where one is written down: `completed_event_args<T>{state, eap::cancelled}`.
struct cancelled_t {
    explicit cancelled_t() = default;
};
inline constexpr cancelled_t cancelled{};

} // namespace eap

#endif
