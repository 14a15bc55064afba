// SPDX-License-Identifier: BSL-1.0
//
// What is known of each operation, call and invocation that a script has made: written down while it plays, judged in the end.
#ifndef EAP_TESTS_FUZZ_STORIES_HPP
#define EAP_TESTS_FUZZ_STORIES_HPP

#include "fuzz/script.hpp"
#include "fuzz/values.hpp"

#include <array>
#include <string>

namespace fuzz {

struct operation_story {
    task id{0, 0};
    std::string name; // as long as this lives, so as good as a literal
    fuzz::home at = home::loop;
    fuzz::receiver listener = receiver::none;
    bool is_plain = false;
    bool runs_on_pool = false;
    bool has_deadline = false;
    bool keeps_every = true;
    bool is_created = false;
    bool is_replaced = false; // its id has been given to another one
    bool is_dropped = false;
    bool is_inside = false;
    int completing = 0; // calls
    int wins = 0;
    ending won = ending::none; // what the winner wanted
    ending told = ending::none;
    int outcomes = 0;
    int undelivered = 0;
    int functions_accepted = 0; // of a plain one
    int functions_run = 0;
    bool has_last_function = false;
    // of the reports, by sender
    std::array<int, 5> next{};
    std::array<int, 5> heard_last{-1, -1, -1, -1, -1};
    std::array<int, 5> accepted_last{-1, -1, -1, -1, -1};
    std::array<int, 5> accepted_of{};
    int accepted = 0; // of all senders
    int heard = 0;
    bool is_over() const noexcept { return outcomes + undelivered != 0; }
};

struct call_story {
    bool is_begun = false;
    bool has_callback = false;
    fuzz::home at = home::inside_post; // of the callback; never closed when it is on the shared pool
    fuzz::receiver listener = receiver::none;
    bool throws = false;
    int runs = 0;
    int callbacks = 0;
    int ending = 0; // calls
    int ends = 0;
    int unobserved = 0;
};

struct invocation_story {
    bool is_started = false;
    unsigned key = 0;           // 0: its id is its own
    bool is_superseded = false; // and the start of the newer one has returned
    bool may_vanish = false;    // the method was dropped
    fuzz::mischief trick = mischief::none;
    bool is_inside = false;
    int runs = 0;
    int outcomes = 0;
    int undelivered = 0;
};

} // namespace fuzz

#endif
