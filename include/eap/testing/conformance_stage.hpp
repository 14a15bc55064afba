// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. One check of somebody's place: who runs it, who meanwhile posts, who gives up waiting.
#ifndef EAP_TESTING_CONFORMANCE_STAGE_HPP
#define EAP_TESTING_CONFORMANCE_STAGE_HPP

#include "eap/detail/parking.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/testing/conformance_report.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace eap::testing {

/// A place where functions run, as its check needs it: made, run and destroyed on one thread.
///
/// Requires      `place.context()`. A place that has no threads of its own has `place.run()`, which runs functions on the
///               calling thread; and `place.stop()`, which makes `run` return, is called from inside a function of the place,
///               and may be absent when `run` returns as soon as no operation is outstanding. `run` may be called again.
template <class P>
concept conformance_place = requires(P& place) {
    { place.context() } -> synchronization_context;
};

/// What a check tells whoever watches it.
///
/// Thread safety all members.
class conformance_course {
  public:
    /// What is being done now: named when it does not come back.
    void step(const char* what) noexcept { step_.store(what, std::memory_order_relaxed); }

    void find(finding what) {
        const std::lock_guard lock{mutex_};
        findings_.push_back(std::move(what));
    }
    void end() {
        const std::lock_guard lock{mutex_};
        is_over_ = true;
        over_.notify_all();
    }
    bool wait_until_over(std::chrono::milliseconds patience) {
        std::unique_lock lock{mutex_};
        return over_.wait_for(lock, patience, [this] { return is_over_; });
    }
    const char* last_step() const noexcept { return step_.load(std::memory_order_relaxed); }
    std::vector<finding> findings() const {
        const std::lock_guard lock{mutex_};
        return findings_;
    }

  private:
    std::atomic<const char*> step_{"make the place"}; // a literal
    mutable std::mutex mutex_;
    std::condition_variable over_;
    bool is_over_ = false;          // guarded by mutex_
    std::vector<finding> findings_; // likewise
};

/// A thread that is waited for, or left behind by whoever hangs: then it ends by itself, and nothing of it leaks.
class companion_thread {
  public:
    template <class F> explicit companion_thread(F body) {
        std::thread{[over = over_, run = std::move(body)]() mutable {
            run();
            over->set();
        }}.detach();
    }
    void join() const { over_->wait(); }

  private:
    const std::shared_ptr<eap::detail::parking<>> over_ = std::make_shared<eap::detail::parking<>>();
};

/// A place and the thread that it lives on, which is the calling one.
template <class Make> class conformance_stage {
    using place_type = std::invoke_result_t<Make&>;
    static_assert(conformance_place<place_type>,
                  "eap: what is checked is a place: something whose context() is a synchronization context");

  public:
    static constexpr bool has_stop = requires(place_type& place) { place.stop(); };
    static constexpr bool has_run = requires(place_type& place) { place.run(); };
    using context_type = std::remove_cvref_t<decltype(std::declval<place_type&>().context())>;

    conformance_stage(conformance_course& course, Make& make)
        : course_(course), place_(new place_type(make())), context_(place_->context()) {}

    const context_type& context() const noexcept { return context_; }
    place_type& place() noexcept { return *place_; }

    /// False when the context refuses.
    template <class F> bool post(F function) {
        try {
            context_.post(std::move(function));
            return true;
        } catch (...) {
            return false;
        }
    }

    /// Runs the place until `meanwhile`, on another thread, has returned; keeps what `run` throws, and goes on.
    template <class Meanwhile> void run_while(Meanwhile meanwhile) {
        if constexpr (!has_run) {
            meanwhile();
        } else {
            if constexpr (!has_stop)
                operation_started(context_);
            std::exception_ptr error;
            const companion_thread other{[&] {
                try {
                    meanwhile();
                } catch (...) {
                    error = std::current_exception();
                }
                course_.step("stop the run of the place");
                stop();
            }};
            run();
            other.join();
            if (error != nullptr)
                std::rethrow_exception(error);
        }
    }
    /// Once; and again as long as it throws.
    void run() {
        while (caught_.size() < most_exceptions) {
            try {
                place_->run();
                break;
            } catch (...) {
                caught_.push_back(std::current_exception());
            }
        }
    }
    const std::vector<std::exception_ptr>& caught() const noexcept { return caught_; }

    void end() {
        course_.step("destroy the place");
        place_.reset();
    }

  private:
    static constexpr std::size_t most_exceptions = 100;

    class stopper { // a context that drops it is stopped all the same
      public:
        explicit stopper(place_type& place) noexcept : place_(&place) {}
        stopper(stopper&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
        stopper& operator=(stopper&&) = delete;
        ~stopper() { (*this)(); }
        void operator()() {
            if constexpr (has_stop)
                if (place_type* const place = std::exchange(place_, nullptr))
                    place->stop();
        }

      private:
        place_type* place_;
    };

    void stop() {
        if constexpr (has_stop)
            post(stopper{*place_});
        else
            operation_completed(context_);
    }

    conformance_course& course_;
    std::unique_ptr<place_type> place_;
    const context_type context_; // outlives the place: handles may
    std::vector<std::exception_ptr> caught_;
};

} // namespace eap::testing

#endif
