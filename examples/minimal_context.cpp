// SPDX-License-Identifier: BSL-1.0
//
// A context of one's own takes a dozen lines - post, copies, == - and everything works on it: work, progress,
// outcomes, deadlines, timers, sending. A foreign loop takes one line beside an event_loop.
#include "eap/any_synchronization_context.hpp"
#include "eap/completed_event_args.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/current_context.hpp"
#include "eap/errors.hpp"
#include "eap/operation_manager.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"
#include "eap/scoped_context.hpp"
#include "eap/synchronization_context.hpp"
#include "eap/timer.hpp"
#include "eap/undelivered.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// What the program has already: functions for the next frame of a game, or the jobs of a thread.
class frame_queue {
  public:
    void push(std::function<void()> function) {
        {
            const std::lock_guard lock{mutex_};
            if (closed_)
                throw eap::context_closed{};
            functions_.push_back(std::move(function));
        }
        changed_.notify_one();
    }
    /// Runs functions until one of them closes the queue; those behind it are destroyed.
    void run() {
        std::unique_lock lock{mutex_};
        for (;;) {
            changed_.wait(lock, [this] { return closed_ || !functions_.empty(); });
            if (closed_)
                return;
            std::function<void()> next = std::move(functions_.front());
            functions_.pop_front();
            lock.unlock();
            next();
            next = nullptr;
            lock.lock();
        }
    }
    void close() {
        std::deque<std::function<void()>> unrun;
        {
            const std::lock_guard lock{mutex_};
            closed_ = true;
            unrun.swap(functions_);
        }
        changed_.notify_one();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> functions_; // guarded by mutex_
    bool closed_ = false;                         // guarded by mutex_
};

//! [context]
/// A handle to a frame_queue: post, copies and == are all that eap asks for.
class frame_context {
  public:
    explicit frame_context(std::shared_ptr<frame_queue> queue) : queue_(std::move(queue)) {}

    template <class F> void post(F f) const { // std::function copies, and f can only be moved: hold it
        queue_->push([held = std::make_shared<F>(std::move(f))] { (*held)(); });
    }
    bool operator==(const frame_context&) const = default;

  private:
    std::shared_ptr<frame_queue> queue_;
};
static_assert(eap::synchronization_context<frame_context>);
//! [context]

bool all_well = true;
void check(bool fact, const char* what) {
    all_well = all_well && fact;
    std::cout << (fact ? "ok: " : "NOT: ") << what << '\n';
}

/// Work on one such context, handlers on another; neither has any of the optional abilities.
void work_progress_and_outcomes() {
    const auto frames = std::make_shared<frame_queue>();
    const auto jobs = std::make_shared<frame_queue>();
    const frame_context home{frames};
    std::jthread worker{[jobs] { jobs->run(); }};
    const auto main_thread = std::this_thread::get_id();
    const auto worker_thread = worker.get_id();

    eap::operation_manager operations{home};
    std::vector<int> seen;
    bool every_handler_at_home = true;
    bool worked_elsewhere = false;
    bool timed_out = false;
    auto operation = operations.create_operation<bool, int>(
        "squares",
        [&](const eap::completed_event_args<bool>& e) {
            every_handler_at_home = every_handler_at_home && std::this_thread::get_id() == main_thread;
            worked_elsewhere = e.result();
        },
        [&](const eap::progress_changed_event_args<int>& e) {
            every_handler_at_home = every_handler_at_home && std::this_thread::get_id() == main_thread;
            seen.push_back(e.value());
        });
    eap::run_on(frame_context{jobs}, std::move(operation), [worker_thread](auto& self) {
        for (int i = 1; i <= 4; ++i)
            self.report_progress(25 * i, i * i);
        return std::this_thread::get_id() == worker_thread;
    });
    auto never = operations.create_operation<int>("never completed",
                                                  [&](const eap::completed_event_args<int>& e) {
                                                      try {
                                                          static_cast<void>(e.result());
                                                      } catch (const eap::operation_timed_out&) {
                                                          timed_out = true;
                                                      }
                                                  },
                                                  {.timeout = 10ms});
    operations.on_idle([frames] { frames->close(); });
    frames->run();
    jobs->close();

    check(worked_elsewhere, "the work ran on the other context's thread");
    check(every_handler_at_home, "every handler ran on the thread of its home");
    check(seen == std::vector{1, 4, 9, 16}, "the reports came in order");
    check(timed_out, "a deadline came home");
    check(!never.complete(7), "and the late worker was told so");
}

/// The free functions do the sensible thing for abilities that the context has not.
void timers_sending_and_the_current_context() {
    const auto frames = std::make_shared<frame_queue>();
    const frame_context here{frames};
    const eap::any_synchronization_context erased = here;
    check(erased == eap::any_synchronization_context{frame_context{frames}},
          "equal handles stay equal, erased");

    std::thread::id sent_to;
    bool timer_fired = false;
    std::jthread sender{[&] {
        eap::send(here, [&] { sent_to = std::this_thread::get_id(); });
        eap::post_after(here, 1ms, [&] {
            timer_fired = true;
            frames->close();
        });
    }};
    frames->run();
    sender.join();
    check(sent_to == std::this_thread::get_id(), "send ran there, and waited");
    check(timer_fired, "post_after posted");

    const eap::scoped_context guard{here};
    check(eap::current_context() == erased, "the current context, for a scope");
}

/// What is queued is destroyed with the queue, and so an operation learns that its home is gone.
void a_home_that_closes() {
    const auto frames = std::make_shared<frame_queue>();
    eap::operation_manager operations{frame_context{frames}};
    int undelivered = 0;
    operations.on_undelivered([&](const eap::undelivered& what) {
        undelivered += what.reason == eap::undelivered_reason::context_gone ? 1 : 0;
    });
    auto queued = operations.create_operation<int>("queued", [](const auto&) {});
    auto late = operations.create_operation<int>("late", [](const auto&) {});
    queued.complete(1);
    frames->close();
    late.complete(2);
    check(undelivered == 2, "two outcomes for a queue that closed were told to on_undelivered");
    check(operations.pending() == 0, "and nothing is left pending");
}

/// Stands for a loop that somebody else wrote, and that knows nothing but its own events.
enum class event { wake_up, quit };
class foreign_loop {
  public:
    void send(event e) {
        {
            const std::lock_guard lock{mutex_};
            events_.push_back(e);
        }
        changed_.notify_one();
    }
    event wait() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return !events_.empty(); });
        const event first = events_.front();
        events_.pop_front();
        return first;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<event> events_; // guarded by mutex_
};

void an_event_loop_inside_a_foreign_loop() {
    foreign_loop window;
    int reports = 0;
    int result = 0;
    {
        //! [wake]
        eap::event_loop loop; // lives beside the foreign one, and is what operations come home to
        loop.on_wake([&window] { window.send(event::wake_up); });
        eap::operation_manager operations{loop.context()};
        //! [wake]
        eap::run_on(eap::thread_pool::shared(),
                    operations.create_operation<int>(
                        "sum",
                        [&](const eap::completed_event_args<int>& e) {
                            result = e.result();
                            window.send(event::quit);
                        },
                        [&](const eap::progress_changed_event_args<>&) { ++reports; }),
                    [](auto& self) {
                        int sum = 0;
                        for (int i = 1; i <= 100; ++i) {
                            sum += i;
                            self.report_progress(i);
                        }
                        return sum;
                    });
        while (window.wait() == event::wake_up)
            loop.poll();
    }
    check(result == 5050 && reports == 100, "everything came home through a foreign loop");
}

} // namespace

int main() {
    work_progress_and_outcomes();
    timers_sending_and_the_current_context();
    a_home_that_closes();
    an_event_loop_inside_a_foreign_loop();
    return all_well ? 0 : 1;
}
