// SPDX-License-Identifier: BSL-1.0
//
// Layer 6 – what the work of a background_worker receives, asks and says.
#ifndef EAP_DO_WORK_EVENT_ARGS_HPP
#define EAP_DO_WORK_EVENT_ARGS_HPP

#include "eap/async_operation.hpp"
#include "eap/detail/stored.hpp"
#include "eap/detail/sync.hpp"
#include "eap/errors.hpp"

#include <atomic>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace eap {

namespace detail {

struct do_work_access;

inline void check_reports_progress(const std_sync::atomic<bool>& it_does) {
    if (!it_does.load(std::memory_order_relaxed))
        throw invalid_operation{"eap: this background_worker does not report progress; call "
                                "set_worker_reports_progress(true) first"};
}

} // namespace detail

/// What the work of a run receives, and what it says of its end. (.NET: DoWorkEventArgs)
///
/// Effects       the handlers of one run share it: a later one sees what an earlier one has set, and may replace it.
/// Thread safety belongs to the thread that the work runs on.
/// Lifetime      good until the handler returns, also when the worker is destroyed meanwhile: what the work asks and tells of its
///               run, it asks and tells here.
template <class Argument, class Result, class P = void> class do_work_event_args {
    using kept_argument = std::conditional_t<std::is_void_v<Argument>, detail::nothing, Argument>;
    using kept_result = std::conditional_t<std::is_void_v<Result>, bool, Result>;

  public:
    /// What the run was started with. (.NET: Argument)
    template <class A = Argument>
        requires(!std::is_void_v<A>)
    A& argument() noexcept {
        return argument_;
    }

    /// Whether the run was asked to stop: by `cancel_async`, by its deadline, by the end of the worker.
    bool cancellation_pending() const noexcept { return run_.cancellation_pending(); }

    /// Tells how far the run is, 0 to 100. False when nobody hears of it any more.
    /// Errors        `invalid_operation` unless the worker reports progress; what the home refuses the report with.
    bool report_progress(int percentage)
        requires std::is_void_v<P>
    {
        detail::check_reports_progress(reports_progress_);
        return run_.report_progress(percentage);
    }
    template <class V = P>
        requires(!std::is_void_v<P>) && std::constructible_from<P, V>
    bool report_progress(int percentage, V&& value) {
        detail::check_reports_progress(reports_progress_);
        return run_.report_progress(percentage, std::forward<V>(value));
    }

    /// What the run comes to, unless it is cancelled. (.NET: Result)
    template <class V = kept_result>
        requires(!std::is_void_v<Result>) && std::constructible_from<kept_result, V>
    void set_result(V&& value) {
        result_.emplace(std::forward<V>(value));
    }
    bool has_result() const noexcept { return result_.has_value(); }

    /// The run ends as cancelled, and its result is dropped. (.NET: Cancel = true)
    void set_cancelled() noexcept { cancelled_ = true; }
    bool cancelled() const noexcept { return cancelled_; }

  private:
    friend detail::do_work_access;
    template <class... V>
    do_work_event_args(async_operation<Result, P>& run,
                       const detail::std_sync::atomic<bool>& reports_progress, V&&... argument)
        : run_(run), reports_progress_(reports_progress), argument_(std::forward<V>(argument)...) {}

    async_operation<Result, P>& run_;
    const detail::std_sync::atomic<bool>& reports_progress_; // the worker's, which may be changed at any time
    kept_argument argument_;
    std::optional<kept_result> result_;
    bool cancelled_ = false;
};

namespace detail {

struct do_work_access {
    template <class A, class R, class P, class... V>
    static do_work_event_args<A, R, P> make(async_operation<R, P>& run,
                                            const std_sync::atomic<bool>& reports_progress, V&&... argument) {
        return {run, reports_progress, std::forward<V>(argument)...};
    }
    template <class A, class R, class P> static auto& result(do_work_event_args<A, R, P>& args) {
        return args.result_;
    }
};

} // namespace detail

} // namespace eap

#endif
