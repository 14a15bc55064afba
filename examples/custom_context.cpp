// SPDX-License-Identifier: BSL-1.0
//
// A small loop of one's own, with its abilities, proves itself by the conformance kit; and then an operation comes home to it.
#include "eap/completed_event_args.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/errors.hpp"
#include "eap/operation_manager.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/testing/context_conformance.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace {

//! [loop]
/// A loop on which functions run in order, one at a time, until no operation is outstanding.
class small_loop {
    struct state { // what the loop and its handles share
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::function<void()>> queue; // guarded by mutex, as all below
        std::size_t outstanding = 0;
        bool closed = false;
        std::thread::id runner;
    };

  public:
    class context_type {
      public:
        explicit context_type(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}

        template <class F> void post(F f) const {
            std::function<void()> next = [held = std::make_shared<F>(std::move(f))] { (*held)(); };
            const std::lock_guard lock{state_->mutex};
            if (state_->closed)
                throw eap::context_closed{};
            state_->queue.push_back(std::move(next));
            state_->changed.notify_one();
        }
        void operation_started() const {
            const std::lock_guard lock{state_->mutex};
            if (state_->closed)
                throw eap::context_closed{};
            ++state_->outstanding;
        }
        void operation_completed() const noexcept {
            const std::lock_guard lock{state_->mutex};
            --state_->outstanding;
            state_->changed.notify_one();
        }
        bool running_in_this_thread() const {
            const std::lock_guard lock{state_->mutex};
            return state_->runner == std::this_thread::get_id();
        }
        bool operator==(const context_type&) const = default;

      private:
        std::shared_ptr<state> state_;
    };
    static_assert(eap::synchronization_context<context_type>);

    small_loop() = default;
    small_loop(const small_loop&) = delete;
    small_loop& operator=(const small_loop&) = delete;
    ~small_loop() {
        std::deque<std::function<void()>> unrun; // destroyed after the lock: what dies may post
        const std::lock_guard lock{state_->mutex};
        state_->closed = true;
        unrun.swap(state_->queue);
    }

    context_type context() const { return context_type{state_}; }

    void run() {
        const eap::scoped_context here{context()};
        std::unique_lock lock{state_->mutex};
        state_->runner = std::this_thread::get_id();
        for (;;) {
            state_->changed.wait(lock, [this] { return !state_->queue.empty() || state_->outstanding == 0; });
            if (state_->queue.empty())
                return;
            std::function<void()> next = std::move(state_->queue.front());
            state_->queue.pop_front();
            lock.unlock();
            next(); // what it throws leaves run; the rest stays queued
            next = nullptr;
            lock.lock();
        }
    }

  private:
    const std::shared_ptr<state> state_ = std::make_shared<state>();
};
//! [loop]

bool all_well = true;
void check(bool fact, const char* what) {
    all_well = all_well && fact;
    std::cout << (fact ? "ok: " : "NOT: ") << what << '\n';
}

void the_loop_conforms() {
    //! [conform]
    const auto report = eap::testing::check_context([] { return small_loop{}; }, // a place, made anew
                                                    {.runs_in_order = true,      // what is said is tested
                                                     .runs_one_at_a_time = true,
                                                     .refuses_after_end = true,
                                                     .is_current_inside = true,
                                                     .counts_operations = true,
                                                     .knows_its_thread = true,
                                                     .survives_exceptions = true});
    std::cout << report << '\n'; // assert `report` in any framework
    //! [conform]
    check(static_cast<bool>(report), "the loop keeps what its context promises");
}

void an_operation_comes_home() {
    small_loop loop;
    eap::operation_manager operations{loop.context()};
    const auto here = std::this_thread::get_id();
    int reports = 0;
    int sum = 0;
    bool always_here = true;
    auto operation = operations.create_operation<int>(
        "sum",
        [&](const eap::completed_event_args<int>& e) {
            always_here = always_here && std::this_thread::get_id() == here;
            sum = e.result();
        },
        [&](const eap::progress_changed_event_args<>&) {
            always_here = always_here && std::this_thread::get_id() == here;
            ++reports;
        });
    eap::run_on(eap::thread_pool::shared(), std::move(operation), [](auto& self) {
        int total = 0;
        for (int i = 1; i <= 100; ++i) {
            total += i;
            self.report_progress(i);
        }
        return total;
    });
    loop.run(); // until the operation has come home

    check(sum == 5050 && reports == 100, "an operation came home to it, every report and the result");
    check(always_here, "on the thread that runs it");
}

} // namespace

int main() {
    the_loop_conforms();
    an_operation_comes_home();
    return all_well ? 0 : 1;
}
