// SPDX-License-Identifier: BSL-1.0
//
// Tells a story again and again, each time with another step failing, until there is none left to fail.
#ifndef EAP_TESTS_FAULTS_SWEEP_HPP
#define EAP_TESTS_FAULTS_SWEEP_HPP

#include "support/catch.hpp"

#include "faults/places.hpp"
#include "faults/scenarios.hpp"
#include "support/allocations.hpp"
#include "support/hostile_context.hpp"

#include <eap/errors.hpp>

#include <cstddef>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tests {

// ---- what fails ----

/// The allocations of the thread that acts, Boost.Asio's included.
template <bool ForGood> struct allocations_here {
    static constexpr const char* name = ForGood ? "every allocation from one on" : "one allocation";
    static constexpr bool works = allocation_watch::works;
    template <class Place> allocations_here(Place&, post_failures&, std::size_t number) {
        ForGood ? watch.fail_from(number) : watch.fail(number);
    }
    std::size_t end() {
        watch.fail(0);
        return watch.failures();
    }
    allocation_watch watch{allocation_watch::sees::asio_too};
};

/// Those of a pool's thread.
template <bool ForGood> struct allocations_there {
    static constexpr const char* name =
        ForGood ? "every allocation of the pool's thread from one on" : "one allocation of the pool's thread";
    static constexpr bool works = allocation_watch::works;
    allocations_there(thread_pool_place& p, post_failures&, std::size_t number) : place(p) {
        place.on_its_thread([&] {
            watch.emplace();
            ForGood ? watch->fail_from(number) : watch->fail(number);
        });
    }
    std::size_t end() {
        std::size_t failures = 0;
        place.settle([] { return true; }); // what was sent there before
        place.on_its_thread([&] {
            failures = watch->failures();
            watch.reset();
        });
        return failures;
    }
    thread_pool_place& place;
    std::optional<allocation_watch> watch;
};

/// Posts: refused, refused because the place is closed, or accepted and destroyed; and refused starts of operations.
template <bool ForGood> struct failing_posts {
    static constexpr bool works = true;
    failing_posts(post_failures& f, std::size_t number, std::exception_ptr exception,
                  post_failures::what fails = post_failures::what::posts)
        : failures(f) {
        failures.fails = fails;
        failures.exception = std::move(exception);
        failures.how_many = ForGood ? post_failures::every_later_one : 1;
        failures.first = number;
    }
    std::size_t end() {
        failures.first = 0;
        return failures.failed;
    }
    post_failures& failures;
};
template <bool ForGood> struct posts : failing_posts<ForGood> {
    static constexpr const char* name = ForGood ? "every post from one on" : "one post";
    template <class Place>
    posts(Place&, post_failures& f, std::size_t number)
        : failing_posts<ForGood>(f, number, std::make_exception_ptr(post_refused{})) {}
};
/// Any selection of the first six, by the bits of the number.
struct selections_of_posts : failing_posts<false> {
    static constexpr const char* name = "any of the first six posts";
    static constexpr std::size_t tries = 63;
    template <class Place>
    selections_of_posts(Place&, post_failures& f, std::size_t number)
        : failing_posts(f, 0, std::make_exception_ptr(post_refused{})) {
        failures.among = number;
    }
    std::size_t end() {
        failures.among = 0;
        return failing_posts::end();
    }
};
struct closing : failing_posts<true> {
    static constexpr const char* name = "a place that is closed at one post";
    template <class Place>
    closing(Place&, post_failures& f, std::size_t number)
        : failing_posts(f, number, std::make_exception_ptr(eap::context_closed{})) {}
};
template <bool ForGood> struct drops_of_posts : failing_posts<ForGood> {
    static constexpr const char* name = ForGood ? "every post from one on is dropped" : "one post is dropped";
    template <class Place>
    drops_of_posts(Place&, post_failures& f, std::size_t number)
        : failing_posts<ForGood>(f, number, nullptr) {}
};
struct starts : failing_posts<false> {
    static constexpr const char* name = "one start of an operation";
    template <class Place>
    starts(Place&, post_failures& f, std::size_t number)
        : failing_posts(f, number, std::make_exception_ptr(post_refused{}), post_failures::what::starts) {}
};

struct handlers {
    static constexpr const char* name = "one handler";
    static constexpr bool works = true;
    template <class Place> handlers(Place&, post_failures&, std::size_t number) {
        failing_handlers::calls = 0;
        failing_handlers::failures = 0;
        failing_handlers::number = number;
    }
    static std::size_t end() {
        failing_handlers::number = 0;
        return failing_handlers::failures;
    }
};

struct copies_and_moves {
    static constexpr const char* name = "one copy or move";
    static constexpr bool works = true;
    template <class Place> copies_and_moves(Place&, post_failures&, std::size_t number) {
        swept::transfers.fail(number);
    }
    static std::size_t end() {
        const std::size_t failures = swept::transfers.failures();
        swept::fail_none();
        return failures;
    }
};
struct constructions {
    static constexpr const char* name = "one construction";
    static constexpr bool works = true;
    template <class Place> constructions(Place&, post_failures&, std::size_t number) {
        swept::constructions.fail(number);
    }
    static std::size_t end() {
        const std::size_t failures = swept::constructions.failures();
        swept::fail_none();
        return failures;
    }
};

/// Tells one story with one failure; true when that came to pass.
template <class Story, class Fault, class Place> bool tell_with(std::size_t number, std::string& wrong) {
    const auto witness = std::make_shared<int>();
    const auto failures = std::make_shared<post_failures>();
    std::size_t happened = 0;
    {
        Place place;
        Story told{place, failures, witness};
        {
            Fault fault{place, *failures, number};
            told.act();
            happened = fault.end();
        }
        if (!place.settle([&] { return told.over(); }))
            wrong += "never over; ";
        wrong += told.wrong();
    }
    if (swept::alive != 0)
        wrong += std::to_string(swept::alive) + " values live; ";
    if (witness.use_count() != 1)
        wrong += "a closure lives; ";
    swept::alive = 0;
    return happened != 0;
}

/// Lets the first of them fail, then the second, and so on until there are no more.
template <template <class> class Story, class Fault, class Place> std::size_t sweep(const char* story) {
    if (!Fault::works)
        return 0;
    std::size_t points = 0;
    int missed = 0; // on a pool, how many there are depends on who is faster
    const auto goes_on = [](std::size_t number, int missed_so_far) {
        if constexpr (requires { Fault::tries; })
            return static_cast<void>(missed_so_far), number <= Fault::tries;
        else
            return static_cast<void>(number), missed_so_far < 3;
    };
    for (std::size_t number = 1; goes_on(number, missed); ++number) {
        std::string wrong;
        if (tell_with<Story<Place>, Fault, Place>(number, wrong)) {
            ++points;
            missed = 0;
        } else {
            ++missed;
        }
        if (!wrong.empty())
            FAIL_CHECK(story << " on " << Place::name << ", " << Fault::name << ", number " << number << ": "
                             << wrong);
        if (number > 2000)
            FAIL(story << " on " << Place::name << ": it never ends");
    }
    return points;
}

inline void print(const char* story, const char* fault, std::size_t points) {
    std::cout << story << ", " << fault << ": survived " << points << '\n';
    CHECK((points != 0 || !allocation_watch::works));
}

template <template <class> class Story, class Fault> void sweep_everywhere(const char* story) {
    const std::size_t points[] = {
        sweep<Story, Fault, event_loop_place>(story), sweep<Story, Fault, thread_pool_place>(story),
        sweep<Story, Fault, io_context_place>(story), sweep<Story, Fault, erased_place>(story)};
    std::cout << story << ", " << Fault::name << ": survived " << points[0] << " on event_loop, " << points[1]
              << " on thread_pool, " << points[2] << " on io_context, " << points[3]
              << " on any_synchronization_context\n";
    for (const std::size_t each : points)
        CHECK((each != 0 || !Fault::works));
}
template <template <class> class Story> void sweep_pools_thread(const char* story) {
    const std::size_t once = sweep<Story, allocations_there<false>, thread_pool_place>(story);
    const std::size_t for_good = sweep<Story, allocations_there<true>, thread_pool_place>(story);
    std::cout << story << ", allocations of the pool's thread: survived " << once << " once, " << for_good
              << " for good\n";
}
template <template <class> class Story> void sweep_all(const char* story) {
    sweep_everywhere<Story, allocations_here<false>>(story);
    sweep_everywhere<Story, allocations_here<true>>(story);
    sweep_pools_thread<Story>(story);
    sweep_everywhere<Story, posts<false>>(story);
    sweep_everywhere<Story, posts<true>>(story);
    sweep_everywhere<Story, selections_of_posts>(story);
    sweep_everywhere<Story, closing>(story);
    sweep_everywhere<Story, drops_of_posts<false>>(story);
    sweep_everywhere<Story, drops_of_posts<true>>(story);
    sweep_everywhere<Story, starts>(story);
    sweep_everywhere<Story, handlers>(story);
    sweep_everywhere<Story, copies_and_moves>(story);
    sweep_everywhere<Story, constructions>(story);
}

} // namespace tests

#endif
