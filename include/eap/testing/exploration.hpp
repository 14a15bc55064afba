// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. Decides which runs of a program are tried: one, many, all, or the one that failed.
#ifndef EAP_TESTING_EXPLORATION_HPP
#define EAP_TESTING_EXPLORATION_HPP

#include "eap/detail/platform.hpp"
#include "eap/testing/schedule_text.hpp"
#include "eap/testing/simulation.hpp"
#include "eap/testing/thread_cache.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace eap::testing {

/// One run: whoever could go on first, does; and does not stop before it has to wait.
struct in_order {};
/// As many runs, each of them another walk; the same ones for the same seed.
struct at_random {
    std::size_t runs = 1'000;
    std::uint64_t seed = 1;
};
/// Every run in which at most so many turns are taken from threads that could go on, and deadlines passed before their time.
/// Most mistakes need one or two.
struct every_order {
    unsigned preemptions = 2;
    std::size_t at_most = 1'000'000; ///< runs
};
/// The one run that a failure has printed.
struct replay {
    std::string schedule;
};
using strategy = std::variant<in_order, at_random, every_order, replay>;

/// What came of it.
struct exploration {
    std::size_t runs = 0;
    std::size_t steps = 0;        ///< of all runs together
    bool is_exhausted = false;    ///< whether `every_order` has tried all there are
    std::optional<failure> found; ///< the first; no run was tried after it

    explicit operator bool() const noexcept { return !found; }
};

inline std::ostream& operator<<(std::ostream& out, const exploration& what) {
    out << what.runs << " runs, " << what.steps << " steps" << (what.is_exhausted ? ", exhausted" : "");
    if (what.found)
        out << "; the last one failed: " << what.found->what << "\nreplay it with: eap::testing::replay{\""
            << what.found->schedule << "\"}";
    return out;
}

namespace detail {

/// A strategy at work: offers runs until it has none left.
class source_of_runs : public chooser {
  public:
    virtual bool has_next() = 0; // begins it
    virtual bool is_exhausted() const noexcept { return false; }
};

class one_run final : public source_of_runs {
  public:
    explicit one_run(in_order) {}
    explicit one_run(const replay& which) : ways_(schedule_text::parse(which.schedule)) {}

    bool has_next() override { return !std::exchange(is_done_, true); }
    std::size_t choose(std::size_t /*ways*/, std::size_t /*natural*/) noexcept override {
        return at_ < ways_.size() ? ways_[at_++] : 0;
    }

  private:
    std::vector<std::size_t> ways_;
    std::size_t at_ = 0;
    bool is_done_ = false;
};

class random_runs final : public source_of_runs {
  public:
    explicit random_runs(const at_random& how) : left_(how.runs), random_(how.seed) {}

    bool has_next() override {
        if (left_ == 0)
            return false;
        --left_;
        return true;
    }
    std::size_t choose(std::size_t ways, std::size_t /*natural*/) noexcept override {
        return static_cast<std::size_t>(random_() %
                                        ways); // std's distributions differ from library to library
    }

  private:
    std::size_t left_;
    std::mt19937_64 random_;
};

/// Depth first: each run repeats the one before up to the last choice that has another way left.
class all_runs final : public source_of_runs {
  public:
    explicit all_runs(const every_order& how) : left_(how.at_most), preemptions_(how.preemptions) {}

    bool has_next() override {
        if (has_begun_) {
            while (!path_.empty() && path_.back().taken + 1 == path_.back().ways)
                path_.pop_back();
            if (path_.empty())
                return false;
            ++path_.back().taken;
        }
        has_begun_ = true;
        at_ = 0;
        preemptions_left_ = preemptions_;
        if (left_ == 0)
            return false;
        --left_;
        return true;
    }
    std::size_t choose(std::size_t ways, std::size_t natural) noexcept override {
        if (preemptions_left_ == 0)
            ways = natural;
        if (ways == 1)
            return 0;
        if (at_ == path_.size())
            path_.push_back({0, ways});
        const std::size_t way = path_[at_++].taken;
        if (way >= natural)
            --preemptions_left_;
        return way;
    }
    bool is_exhausted() const noexcept override { return has_begun_ && path_.empty(); }

  private:
    struct choice {
        std::size_t taken;
        std::size_t ways;
    };
    std::vector<choice> path_;
    std::size_t at_ = 0;
    std::size_t left_;
    const unsigned preemptions_;
    unsigned preemptions_left_ = 0;
    bool has_begun_ = false;
};

inline std::unique_ptr<source_of_runs> runs_of(const strategy& how) {
    struct make {
        std::unique_ptr<source_of_runs> operator()(in_order one) const {
            return std::make_unique<one_run>(one);
        }
        std::unique_ptr<source_of_runs> operator()(const at_random& many) const {
            return std::make_unique<random_runs>(many);
        }
        std::unique_ptr<source_of_runs> operator()(const every_order& all) const {
            return std::make_unique<all_runs>(all);
        }
        std::unique_ptr<source_of_runs> operator()(const replay& one) const {
            return std::make_unique<one_run>(one);
        }
    };
    return std::visit(make{}, how);
}

/// What the threads of a run look at.
struct bench {
    explicit bench(const strategy& how) : source(runs_of(how)) {}

    const simulation& begin_run(const simulation_options& options) {
        run = std::make_unique<simulation>(*source, threads, options);
        return *run;
    }
    /// When threads are stuck, it stays for them as it is.
    static void clear(std::unique_ptr<bench> which) {
        static auto& left = *new std::vector<std::unique_ptr<bench>>;
        if (which->run != nullptr && which->run->is_stuck())
            left.push_back(std::move(which));
    }

    thread_cache threads;
    const std::unique_ptr<source_of_runs> source;
    std::unique_ptr<simulation> run;
};

} // namespace detail

/// Runs `body()` in a simulation, again and again, as the strategy says, until one run fails.
///
/// Requires      `body` begins anew each time, keeps nothing from run to run, and takes the same way when the choices are the
///               same: no clocks but `now`, no random numbers, no other threads.
/// Effects       `body` is the thread "main" of its run. A run fails when a thread throws, `check` included; when no thread can
///               ever go on; when it does not end; when operations are left at its end.
/// Errors        std::invalid_argument for a schedule to replay that is none.
template <std::invocable F>
exploration explore(const strategy& how, const F& body, const simulation_options& options = {}) {
    auto bench = std::make_unique<detail::bench>(how);
    exploration result;
    while (!result.found && bench->source->has_next()) {
        const simulation& run = bench->begin_run(options);
        bench->run->run(std::ref(body));
        ++result.runs;
        result.steps += run.steps();
        result.found = run.found();
    }
    result.is_exhausted = !result.found && bench->source->is_exhausted();
    detail::bench::clear(std::move(bench));
    return result;
}

// ---- for the code that runs in a simulation ----

/// What `check` throws.
class check_failed : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

/// Fails the run unless `holds`.
inline void check(bool holds, const std::string& what) {
    if (!holds)
        throw check_failed{what};
}

/// A step of your own: others may go first. Does nothing outside of a simulation, so a worker may keep it.
inline void checkpoint(const char* what = "checkpoint") noexcept { eap::detail::platform::step(what); }

/// The time of the simulation, which begins at the same point in every run.
inline std::chrono::steady_clock::time_point now() { return simulation::current().now(); }

/// Takes virtual time, and none of yours.
template <class Rep, class Period> void let_time_pass(std::chrono::duration<Rep, Period> time) {
    simulation& here = simulation::current();
    here.let_time_pass_until(here.now() + std::chrono::ceil<std::chrono::steady_clock::duration>(time));
}

/// Returns when no other thread can go on without time passing.
inline void settle() { simulation::current().settle(); }

/// A thread of the run; as std::jthread, its destructor joins.
class thread {
  public:
    template <std::invocable F>
    thread(std::string name, F body)
        : of_(&simulation::current()),
          number_(of_->start(std::move(name),
                             [shared = std::make_shared<F>(std::move(body))] { (*shared)(); })) {}
    thread(thread&& other) noexcept : of_(std::exchange(other.of_, nullptr)), number_(other.number_) {}
    thread& operator=(thread&& other) noexcept {
        join();
        of_ = std::exchange(other.of_, nullptr);
        number_ = other.number_;
        return *this;
    }
    ~thread() { join(); }

    void join() noexcept {
        if (of_ != nullptr)
            std::exchange(of_, nullptr)->join(number_);
    }

  private:
    simulation* of_; // null when joined
    std::size_t number_;
};

} // namespace eap::testing

#endif
