// SPDX-License-Identifier: BSL-1.0
//
// Layer 2 – what a client may choose for one operation: its deadline, how its progress arrives, its name.
#ifndef EAP_OPERATION_OPTIONS_HPP
#define EAP_OPERATION_OPTIONS_HPP

#include <chrono>

namespace eap {

/// How progress reports reach their handler.
///
///   every()             each report, in order: memory grows with the reports that wait for a stalled home
///   latest()            the newest report when the home gets to it: at most one waits
///   at_most_every(d)    the newest report, and at most one in each `d` (std::chrono) of real time
/// Effects       with the latter two a report may overtake, or be overtaken by, a function given to `post`.
/// Guarantees    with all three the last report is delivered before the completion.
class progress_delivery {
  public:
    static constexpr progress_delivery every() noexcept {
        return progress_delivery{std::chrono::nanoseconds{-1}};
    }
    static constexpr progress_delivery latest() noexcept {
        return progress_delivery{std::chrono::nanoseconds{0}};
    }
    /// Zero or less is `latest()`.
    static constexpr progress_delivery at_most_every(std::chrono::nanoseconds interval) noexcept {
        return interval > std::chrono::nanoseconds{0} ? progress_delivery{interval} : latest();
    }

    constexpr bool keeps_every() const noexcept { return interval_ < std::chrono::nanoseconds{0}; }
    /// Zero unless made by `at_most_every`.
    constexpr std::chrono::nanoseconds interval() const noexcept {
        return keeps_every() ? std::chrono::nanoseconds{0} : interval_;
    }
    constexpr bool operator==(const progress_delivery&) const = default;

  private:
    explicit constexpr progress_delivery(std::chrono::nanoseconds interval) noexcept : interval_(interval) {}

    std::chrono::nanoseconds interval_;
};

/// No deadline.
inline constexpr std::chrono::nanoseconds no_timeout = std::chrono::nanoseconds::max();

/// What may be chosen when an operation is created; the defaults suit most.
struct operation_options {
    /// From creation. When it passes first, the client gets `operation_timed_out` and the worker a stop
    /// request; zero or less has passed already.
    std::chrono::nanoseconds timeout = no_timeout;
    progress_delivery progress = progress_delivery::every();
    /// Whether a report whose receiver is gone (see `tracked`) asks the work to stop.
    bool stop_without_receiver = true;
    /// For diagnostics; must live as long as the operation (a literal). Null is as good as empty.
    const char* name = "";
};

} // namespace eap

#endif
