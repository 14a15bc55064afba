// SPDX-License-Identifier: BSL-1.0
//
// What the bytes of a fuzzer mean: a script of calls for some threads, and the schedule in which they take turns.
#ifndef EAP_TESTS_FUZZ_SCRIPT_HPP
#define EAP_TESTS_FUZZ_SCRIPT_HPP

#include <eap/testing/simulation.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fuzz {

enum class verb : unsigned char {
    create,
    create_plain,
    create_and_run,
    report,
    report_by_reporter,
    post_function,
    complete,
    fail,
    end_cancelled,
    drop,
    cancel,
    cancel_all,
    look,
    begin_call,
    end_call,
    wait_for_call,
    wait_for_any_call,
    cancel_call,
    drop_call,
    start_method,
    cancel_method,
    drop_method,
    connect,
    disconnect,
    raise,
    drop_event,
    post_after,
    let_time_pass,
    poll_loop,
    run_loop,
    end_receiver,
    wait_idle,
    on_idle,
    close_manager,
    drop_manager,
    close_loop,
    close_pool,
};

// What a choice may say. Which of it matters is a matter of the verb.
enum class home : unsigned char { loop, pool, inside_post, managers_own };
enum class receiver : unsigned char { none, anchor, shared, nobody };
enum class mischief : unsigned char {
    none,
    checkpoint,
    look,
    throw_something,
    cancel_everything,
    cancel_own_id,
    end_own_receiver,
    close_own_home,
    drop_the_manager,
    create_the_like,
    complete_another,
    call,
    start_the_method,
    raise_the_event,
    poll_the_loop,
    disconnect_itself,
};

/// One call of the script.
struct action {
    unsigned thread = 0;
    verb what = verb::create;
    std::uint8_t first = 0;
    std::uint8_t second = 0;

    unsigned slot() const noexcept { return first & 3U; }
    unsigned id() const noexcept { return first >> 2U & 3U; } // 0: none
    fuzz::home home() const noexcept { return static_cast<fuzz::home>(first >> 4U & 3U); }
    fuzz::receiver receiver() const noexcept { return static_cast<fuzz::receiver>(first >> 6U); }
    fuzz::mischief mischief() const noexcept { return static_cast<fuzz::mischief>(second & 15U); }
    unsigned time_out() const noexcept { return second >> 4U & 3U; }
    unsigned delivery() const noexcept { return second >> 6U; }
    unsigned way() const noexcept { return second >> 4U; } // of a verb that has neither of these

    std::chrono::nanoseconds time() const noexcept { // of a time-out, a wait, a delay
        constexpr std::array times{std::chrono::milliseconds{5000}, std::chrono::milliseconds{0},
                                   std::chrono::milliseconds{5}, std::chrono::milliseconds{20}};
        return times.at(time_out());
    }
};

namespace detail {

enum field : unsigned {
    slot = 1,
    id = 2,
    place = 4,
    listener = 8,
    inside = 16,
    deadline = 32,
    limit = 64,
    every = 128,
    way = 256
};

struct row {
    const char* words;
    unsigned fields;
};
/// In the order of `verb`.
inline constexpr std::array rows{
    row{"create an operation", slot | id | place | listener | inside | deadline | every},
    row{"create an operation without handlers", slot | id | place},
    row{"create an operation and run its work on the pool",
        slot | id | place | listener | inside | deadline | way},
    row{"report", slot},
    row{"report by a reporter", slot},
    row{"post a function", slot},
    row{"complete", slot | way},
    row{"fail", slot},
    row{"end as cancelled", slot},
    row{"let go of the operation", slot},
    row{"cancel", id | place},
    row{"cancel all", place},
    row{"look at everything", slot | id | place},
    row{"begin a call", slot | place | listener | inside | way},
    row{"end the call", slot | way},
    row{"wait for the call", slot | limit},
    row{"wait for any call", limit},
    row{"cancel the call", slot},
    row{"let go of the call", slot},
    row{"start the method", id | place | way},
    row{"cancel the method", id | way},
    row{"drop the method", way},
    row{"connect a handler", slot | listener | inside},
    row{"disconnect a handler", slot},
    row{"raise the event", 0},
    row{"drop the event", 0},
    row{"post later", place | limit},
    row{"let time pass", limit},
    row{"poll the loop", 0},
    row{"run the loop for a time", limit},
    row{"end a receiver", listener},
    row{"wait until idle", place | limit},
    row{"when idle, run something", place},
    row{"close a manager", place},
    row{"drop a manager", place},
    row{"close the loop", 0},
    row{"close the pool", 0},
};
static_assert(rows.size() == static_cast<std::size_t>(verb::close_pool) + 1);

inline constexpr std::array home_words{"on the loop", "on the pool", "run inside post",
                                       "on the manager's own loop"};
inline constexpr std::array receiver_words{"no receiver", "an anchored receiver", "a shared receiver",
                                           "no receiver"};
inline constexpr std::array mischief_words{
    "do nothing",        "be slow",           "look at everything",   "throw",
    "cancel everything", "cancel the own id", "end the own receiver", "close the own home",
    "drop the manager",  "create the like",   "complete another one", "call",
    "start the method",  "raise the event",   "poll the loop",        "disconnect itself"};
inline constexpr std::array delivery_words{"every report", "the latest report", "a report each 10 ms",
                                           "every report"};

} // namespace detail

/// The call in words.
inline std::string words(const action& which) {
    const detail::row& row = detail::rows.at(static_cast<std::size_t>(which.what));
    std::string text =
        (which.thread == 0 ? "main: " : "thread " + std::to_string(which.thread) + ": ") + row.words;
    const auto add = [&](detail::field wanted, const std::string& what) {
        if ((row.fields & wanted) != 0)
            text += ", " + what;
    };
    add(detail::slot, "slot " + std::to_string(which.slot()));
    add(detail::id, which.id() == 0 ? "no id" : "id " + std::to_string(which.id()));
    add(detail::place, detail::home_words.at(static_cast<std::size_t>(which.home())));
    add(detail::listener, detail::receiver_words.at(static_cast<std::size_t>(which.receiver())));
    add(detail::inside,
        std::string{"inside: "} + detail::mischief_words.at(static_cast<std::size_t>(which.mischief())));
    add(detail::deadline,
        which.time_out() == 0
            ? "no deadline"
            : "deadline " + std::to_string(which.time() / std::chrono::milliseconds{1}) + " ms");
    add(detail::limit, std::to_string(which.time() / std::chrono::milliseconds{1}) + " ms");
    add(detail::every, detail::delivery_words.at(which.delivery()));
    add(detail::way, "way " + std::to_string(which.way()));
    return text;
}

/// The bytes: what is chosen for the run; how many calls; three bytes for each of them; the rest is the schedule.
class script {
  public:
    static constexpr std::size_t longest = 40; // calls: a run has to be short

    explicit script(std::span<const std::uint8_t> bytes) {
        const auto next = [&bytes]() -> std::uint8_t {
            if (bytes.empty())
                return 0;
            const std::uint8_t first = bytes.front();
            bytes = bytes.subspan(1);
            return first;
        };
        chosen_ = next();
        const std::size_t calls = std::min(next() % (longest + 1), bytes.size() / 3);
        for (std::size_t i = 0; i < calls; ++i) {
            action each;
            const std::uint8_t which = next();
            each.thread = (which >> 6U) % threads();
            each.what = static_cast<verb>((which & 63U) % detail::rows.size());
            each.first = next();
            each.second = next();
            actions_.push_back(each);
        }
        schedule_.assign(bytes.begin(), bytes.end());
    }

    unsigned threads() const noexcept { return 1 + (chosen_ & 3U); } // main included
    unsigned policy() const noexcept { return chosen_ >> 2U & 3U; }  // of the method
    bool method_has_deadline() const noexcept { return (chosen_ & 16U) != 0; }
    bool method_works_on_the_loop() const noexcept { return (chosen_ & 32U) != 0; }
    bool deadlines_may_be_early() const noexcept { return (chosen_ & 64U) != 0; }

    const std::vector<action>& actions() const noexcept { return actions_; }
    const std::vector<std::uint8_t>& schedule() const noexcept { return schedule_; }

    std::string in_words() const {
        constexpr std::array policies{"reject", "supersede", "join", "queue"};
        std::string text = std::to_string(threads()) + " threads; the method: " + policies.at(policy()) +
                           (method_has_deadline() ? ", a deadline of 5 ms" : "") +
                           (method_works_on_the_loop() ? ", work on the loop" : ", work on the pool") +
                           (deadlines_may_be_early() ? "; deadlines may be early" : "") + '\n';
        for (const action& each : actions_)
            text += words(each) + '\n';
        return text;
    }

  private:
    std::uint8_t chosen_ = 0;
    std::vector<action> actions_;
    std::vector<std::uint8_t> schedule_;
};

/// Two bytes each: so many usual choices, then this one. When they are used up, all others are the usual ones.
class schedule final : public eap::testing::chooser {
  public:
    explicit schedule(const script& of) noexcept : bytes_(of.schedule()) { begin_pair(); }

    std::size_t choose(std::size_t ways, std::size_t /*natural*/) noexcept override {
        if (at_ == bytes_.size())
            return 0;
        if (usual_left_ != 0) {
            --usual_left_;
            return 0;
        }
        const std::size_t way = bytes_[at_++] % ways;
        begin_pair();
        return way;
    }

  private:
    void begin_pair() noexcept {
        if (at_ != bytes_.size())
            usual_left_ = bytes_[at_++] % 32;
    }

    const std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::size_t usual_left_ = 0;
};

} // namespace fuzz

#endif
