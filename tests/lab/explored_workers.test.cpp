// SPDX-License-Identifier: BSL-1.0
//
// One background worker, and all that can happen to its runs at the same time, in every order.
#include <eap/testing/exploration.hpp>

#include <eap/background_worker.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/scoped_context.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

enum class party {
    run,
    cancel,
    report,
    let_go, // of the worker, which is destroyed by whoever is last to do so: also inside do_work
    close_the_home,
    close_the_pool,
    // what has no thread of its own, but makes the others meet something else:
    throwing_work,
    starting_handler,   // of run_worker_completed: runs it anew, once
    destroying_handler, // of run_worker_completed: lets go of the worker
};
constexpr std::array all_parties{party::run,           party::cancel,           party::report,
                                 party::let_go,        party::close_the_home,   party::close_the_pool,
                                 party::throwing_work, party::starting_handler, party::destroying_handler};
const char* name(party which) {
    constexpr std::array names{"run",
                               "cancel",
                               "report",
                               "let go of the worker",
                               "close the home",
                               "close the pool",
                               "work that throws",
                               "a handler that starts anew",
                               "a handler that lets go of the worker"};
    return names.at(static_cast<std::size_t>(which));
}
bool has_a_thread(party which) { return which < party::throwing_work; }

struct failed : std::runtime_error {
    failed() : std::runtime_error{"failed"} {}
};

/// What a run is started with: its number; counted while it lives.
class argument {
  public:
    argument(int number, int& alive) : number_(number), alive_(&alive) { ++*alive_; }
    argument(const argument& other) : number_(other.number_), alive_(other.alive_) { ++*alive_; }
    argument& operator=(const argument&) = delete;
    ~argument() { --*alive_; }

    int number() const noexcept { return number_; }

  private:
    int number_;
    int* alive_;
};

/// One run of the program: a worker that is busy, and the parties, each on a thread of its own.
class meeting {
    using worker = eap::background_worker<argument, int>;

  public:
    explicit meeting(const std::vector<party>& parties) : parties_(parties) {}
    meeting(const meeting&) = delete;
    meeting& operator=(const meeting&) = delete;
    ~meeting() = default;

    void run() {
        make_worker();
        start(*worker_);
        check(worker_->is_busy(), "busy until it is delivered");
        {
            std::vector<lab::thread> threads;
            threads.reserve(parties_.size());
            for (const party each : parties_)
                if (has_a_thread(each))
                    threads.emplace_back(name(each), [this, each, mine = worker_]() mutable {
                        act(each, *mine);
                        mine.reset();
                    });
            if (there_is(party::let_go))
                worker_.reset();
            loop_.run();
        }
        loop_.run();
        lab::settle(); // what runs on the pool comes to its end
        check(!worker_ || !worker_->is_busy(), "not busy in the end");
        worker_.reset();
        pool_.reset();
        check_what_came_of_it();
    }

  private:
    struct one_run {
        bool is_accepted = false;
        bool has_begun = false;
        bool has_reached_the_second = false; // handler of do_work
    };

    void make_worker() {
        worker_ = std::shared_ptr<worker>{new worker{eap::async_method_options{.where = pool_->context()}},
                                          [this](worker* last) {
                                              delete last;
                                              is_destroyed_ = true;
                                          }};
        worker_->set_worker_reports_progress(true);
        worker_->set_worker_supports_cancellation(true);
        worker_->do_work +=
            [this, me = std::weak_ptr{worker_}, held = argument{-1, alive_}](auto& e) { work(me, e); };
        worker_->do_work += [this, held = argument{-1, alive_}](auto& e) {
            of(e.argument().number()).has_reached_the_second = true;
            check(e.has_result() || e.cancelled(), "the second sees what the first has set");
        };
        worker_->progress_changed += [this, held = argument{-1, alive_}](const auto& e) {
            enter_handler();
            check(e.progress_percentage() != working_report + newest_delivered_,
                  "no progress after the outcome");
            is_in_handler_ = false;
        };
        worker_->run_worker_completed +=
            [this, held = argument{-1, alive_}](const eap::completed_event_args<int>& e) { hear(e); };
        worker_->on_undelivered([this](const eap::undelivered&) { ++undelivered_; });
    }

    void start(worker& which) {
        const auto number = static_cast<int>(runs_.size());
        runs_.emplace_back();
        const eap::scoped_context home{loop_.context()};
        try {
            which.run_worker_async(argument{number, alive_});
            of(number).is_accepted = true;
            check(!is_working_ || of(number).has_begun, "it was not busy");
        } catch (const eap::invalid_operation&) {
            ++refused_;
        } catch (const eap::context_closed&) {
            check(there_is(party::close_the_home) || there_is(party::close_the_pool), "all places are open");
        }
    }

    template <class Args> void work(const std::weak_ptr<worker>& me, Args& e) {
        const int number = e.argument().number();
        check(!std::exchange(of(number).has_begun, true), "work runs once");
        check(!std::exchange(is_working_, true), "one run at a time");
        if (const auto here = me.lock()) {
            try {
                here->report_progress(working_report + number);
            } catch (const eap::invalid_operation&) {
                check(false, "a run that has not ended may report");
            }
        }
        lab::checkpoint("inside the work");
        is_working_ = false;
        if (there_is(party::throwing_work))
            throw failed{};
        const auto here = me.lock();
        if (here == nullptr || here->cancellation_pending())
            e.set_cancelled();
        else
            e.set_result(number);
    }

    void hear(const eap::completed_event_args<int>& e) {
        check(worker_ == nullptr || there_is_another_start() || !worker_->is_busy(), "not busy any more");
        check(worker_ == nullptr || there_is(party::cancel) || !worker_->cancellation_pending(),
              "no request is pending any more");
        enter_handler();
        ++completed_;
        if (e.cancelled()) {
            ++cancelled_;
        } else if (e.error() != nullptr) {
            check(there_is(party::throwing_work) || there_is(party::close_the_pool), "nothing failed");
        } else {
            newest_delivered_ = e.result();
            check(of(e.result()).has_reached_the_second, "all handlers of do_work have run");
            check(!there_is(party::throwing_work), "work that throws has no result");
        }
        if (there_is(party::starting_handler) && !std::exchange(has_started_anew_, true) && worker_) {
            const int before = refused_;
            start(*worker_);
            check(refused_ == before || there_is(party::run), "a handler may start the next run");
        }
        if (there_is(party::destroying_handler))
            worker_.reset();
        is_in_handler_ = false;
    }
    void enter_handler() {
        check(!is_destroyed_, "no handler starts when the worker is destroyed");
        check(!std::exchange(is_in_handler_, true), "one handler at a time");
        check(loop_.context().running_in_this_thread(), "handlers run at home");
        lab::checkpoint("inside a handler");
    }

    void act(party which, worker& on) {
        switch (which) {
        case party::run:
            start(on);
            break;
        case party::cancel:
            asked_ += on.cancel_async() ? 1 : 0;
            break;
        case party::report:
            try {
                on.report_progress(1);
            } catch (const eap::invalid_operation&) { // the run has ended
            }
            break;
        case party::close_the_home:
            loop_.close();
            break;
        case party::close_the_pool:
            pool_->close();
            break;
        default:
            lab::checkpoint("hold the worker");
        }
    }

    void check_what_came_of_it() {
        check(!problem_, problem_.value_or(""));
        const auto accepted = static_cast<int>(std::ranges::count_if(runs_, &one_run::is_accepted));
        const bool may_be_destroyed = there_is(party::let_go) || there_is(party::destroying_handler);
        check(completed_ + undelivered_ <= accepted, "no more outcomes than runs");
        check(completed_ + undelivered_ == accepted || may_be_destroyed, "one outcome for each run");
        check(undelivered_ == 0 || there_is(party::close_the_home) || may_be_destroyed, "all comes home");
        check(cancelled_ <= asked_ || may_be_destroyed, "no more runs are cancelled than was asked for");
        check(refused_ == 0 || there_is_another_start(), "the first start is accepted");
        for (const one_run& each : runs_) {
            check(!each.has_begun || each.is_accepted, "what was refused does not run");
            check(each.has_begun || !each.is_accepted || there_is(party::cancel) ||
                      there_is(party::close_the_home) || there_is(party::close_the_pool) || may_be_destroyed,
                  "what was accepted runs");
            check(each.has_reached_the_second == (each.has_begun && !there_is(party::throwing_work)),
                  "an exception skips the later handlers of do_work, and nothing else does");
        }
        check(alive_ == 0, "arguments and handlers are destroyed");
    }

    bool there_is(party which) const { return std::ranges::count(parties_, which) != 0; }
    bool there_is_another_start() const { return there_is(party::run) || there_is(party::starting_handler); }
    one_run& of(int number) { return runs_.at(static_cast<std::size_t>(number)); }

    /// Kept until the end: what work throws is an outcome.
    void check(bool holds, const std::string& what) {
        if (!holds && !problem_)
            problem_ = what;
        lab::check(holds, what);
    }

    static constexpr int working_report = 10; // and the number of the run
    const std::vector<party>& parties_;

    int alive_ = 0; // one thread runs at a time: nothing here is atomic
    std::vector<one_run> runs_;
    int completed_ = 0, undelivered_ = 0, cancelled_ = 0, asked_ = 0, refused_ = 0;
    int newest_delivered_ = -1;
    bool is_working_ = false, is_in_handler_ = false, is_destroyed_ = false, has_started_anew_ = false;
    std::optional<std::string> problem_;

    eap::event_loop loop_; // of "main"
    std::unique_ptr<eap::thread_pool> pool_ = std::make_unique<eap::thread_pool>(1);
    std::shared_ptr<worker> worker_;
};

std::string names(const std::vector<party>& parties) {
    std::string all;
    for (const party each : parties)
        all += std::string{all.empty() ? "" : ", "} + name(each);
    return all;
}

/// The number of runs.
std::size_t explore(const std::vector<party>& parties, unsigned preemptions) {
    const lab::exploration result =
        lab::explore(lab::every_order{.preemptions = preemptions, .at_most = 1'000'000}, [&] {
            meeting of{parties};
            of.run();
        });
    INFO(names(parties) << ": " << result);
    CHECK(result);
    CHECK((result.is_exhausted || !result));
    return result.runs;
}

std::size_t explore_pairs(unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a; b < all_parties.size(); ++b)
            if (a != b || has_a_thread(all_parties.at(a)))
                runs += explore({all_parties.at(a), all_parties.at(b)}, preemptions);
    return runs;
}
std::size_t explore_triples(unsigned preemptions) {
    std::size_t runs = 0;
    for (std::size_t a = 0; a < all_parties.size(); ++a)
        for (std::size_t b = a + 1; b < all_parties.size(); ++b)
            for (std::size_t c = b + 1; c < all_parties.size(); ++c)
                runs += explore({all_parties.at(a), all_parties.at(b), all_parties.at(c)}, preemptions);
    return runs;
}

} // namespace

TEST_CASE("one worker: every two parties, in every order of one preemption", "[lab]") {
    WARN(explore_pairs(1) << " runs");
}

TEST_CASE("one worker: every three parties, in every order without preemption", "[lab]") {
    WARN(explore_triples(0) << " runs");
}

TEST_CASE("one worker: every two parties, in every order of two preemptions", "[.long]") {
    WARN(explore_pairs(2) << " runs");
}

TEST_CASE("one worker: every three parties, in every order of one preemption", "[.long]") {
    WARN(explore_triples(1) << " runs");
}
