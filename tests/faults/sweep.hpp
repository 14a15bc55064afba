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

// ---- what fails: from its making until its end ----

class fault {
  public:
    fault() = default;
    fault(const fault&) = delete;
    fault& operator=(const fault&) = delete;
    virtual ~fault() = default;
    /// Nothing fails any more. How much did?
    virtual std::size_t end() = 0;
};

/// The allocations of the thread that acts, Boost.Asio's included.
template <bool ForGood> class allocations_here final : public fault {
  public:
    static constexpr const char* name = ForGood ? "every allocation from one on" : "one allocation";
    static constexpr bool works = allocation_watch::works;
    allocations_here(place&, post_failures&, std::size_t number) {
        ForGood ? watch_.fail_from(number) : watch_.fail(number);
    }
    std::size_t end() override {
        watch_.fail(0);
        return watch_.failures();
    }

  private:
    allocation_watch watch_{allocation_watch::sees::asio_too};
};

/// Those of a pool's thread.
template <bool ForGood> class allocations_there final : public fault {
  public:
    static constexpr const char* name =
        ForGood ? "every allocation of the pool's thread from one on" : "one allocation of the pool's thread";
    static constexpr bool works = allocation_watch::works;
    allocations_there(place& p, post_failures&, std::size_t number)
        : pool_(dynamic_cast<thread_pool_place&>(p)) {
        pool_.on_its_thread([&] {
            watch_.emplace();
            ForGood ? watch_->fail_from(number) : watch_->fail(number);
        });
    }
    std::size_t end() override {
        std::size_t failures = 0;
        pool_.settle([] { return true; }); // what was sent there before
        pool_.on_its_thread([&] {
            failures = watch_->failures();
            watch_.reset();
        });
        return failures;
    }

  private:
    thread_pool_place& pool_;
    std::optional<allocation_watch> watch_;
};

/// Posts: refused, refused because the place is closed, or accepted and destroyed; and refused starts of operations.
class failing_posts : public fault {
  public:
    static constexpr bool works = true;
    std::size_t end() override {
        failures.first = 0;
        failures.among = 0;
        return failures.failed;
    }

  protected:
    failing_posts(post_failures& f, std::size_t number, bool for_good, std::exception_ptr exception,
                  post_failures::what fails = post_failures::what::posts)
        : failures(f) {
        failures.fails = fails;
        failures.exception = std::move(exception);
        failures.how_many = for_good ? post_failures::every_later_one : 1;
        failures.first = number;
    }
    post_failures& failures;
};
template <bool ForGood> struct posts final : failing_posts {
    static constexpr const char* name = ForGood ? "every post from one on" : "one post";
    posts(place&, post_failures& f, std::size_t number)
        : failing_posts(f, number, ForGood, std::make_exception_ptr(post_refused{})) {}
};
/// Any selection of the first six, by the bits of the number.
struct selections_of_posts final : failing_posts {
    static constexpr const char* name = "any of the first six posts";
    static constexpr std::size_t tries = 63;
    selections_of_posts(place&, post_failures& f, std::size_t number)
        : failing_posts(f, 0, false, std::make_exception_ptr(post_refused{})) {
        failures.among = number;
    }
};
struct closing final : failing_posts {
    static constexpr const char* name = "a place that is closed at one post";
    closing(place&, post_failures& f, std::size_t number)
        : failing_posts(f, number, true, std::make_exception_ptr(eap::context_closed{})) {}
};
template <bool ForGood> struct drops_of_posts final : failing_posts {
    static constexpr const char* name = ForGood ? "every post from one on is dropped" : "one post is dropped";
    drops_of_posts(place&, post_failures& f, std::size_t number)
        : failing_posts(f, number, ForGood, nullptr) {}
};
struct starts final : failing_posts {
    static constexpr const char* name = "one start of an operation";
    starts(place&, post_failures& f, std::size_t number)
        : failing_posts(f, number, false, std::make_exception_ptr(post_refused{}),
                        post_failures::what::starts) {}
};

struct handlers final : fault {
    static constexpr const char* name = "one handler";
    static constexpr bool works = true;
    handlers(place&, post_failures&, std::size_t number) {
        failing_handlers::calls = 0;
        failing_handlers::failures = 0;
        failing_handlers::number = number;
    }
    std::size_t end() override {
        failing_handlers::number = 0;
        return failing_handlers::failures;
    }
};

struct copies_and_moves final : fault {
    static constexpr const char* name = "one copy or move";
    static constexpr bool works = true;
    copies_and_moves(place&, post_failures&, std::size_t number) { swept::transfers.fail(number); }
    std::size_t end() override {
        const std::size_t failures = swept::transfers.failures();
        swept::fail_none();
        return failures;
    }
};
struct constructions final : fault {
    static constexpr const char* name = "one construction";
    static constexpr bool works = true;
    constructions(place&, post_failures&, std::size_t number) { swept::constructions.fail(number); }
    std::size_t end() override {
        const std::size_t failures = swept::constructions.failures();
        swept::fail_none();
        return failures;
    }
};

// ---- kinds of stories, faults and places ----

struct kind_of_story {
    const char* name;
    std::unique_ptr<story> (*make)(place&, const std::shared_ptr<post_failures>&,
                                   const std::shared_ptr<int>& witness);
};
template <class Story> kind_of_story story_of(const char* name) {
    return {name,
            [](place& where, const std::shared_ptr<post_failures>& failures,
               const std::shared_ptr<int>& witness) -> std::unique_ptr<story> {
                return std::make_unique<Story>(where, failures, witness);
            }};
}

struct kind_of_fault {
    const char* name;
    bool works;
    std::size_t tries; // 0: until there is none left to fail
    std::unique_ptr<fault> (*make)(place&, post_failures&, std::size_t number);
};
template <class Fault> kind_of_fault fault_of() {
    std::size_t tries = 0;
    if constexpr (requires { Fault::tries; })
        tries = Fault::tries;
    return {Fault::name, Fault::works, tries,
            [](place& where, post_failures& failures, std::size_t number) -> std::unique_ptr<fault> {
                return std::make_unique<Fault>(where, failures, number);
            }};
}

struct kind_of_place {
    const char* name;
    std::unique_ptr<place> (*make)();
};
template <class Place>
const kind_of_place place_of{Place::name,
                             []() -> std::unique_ptr<place> { return std::make_unique<Place>(); }};

// ---- the sweep ----

/// Tells a story with one failure; true when that came to pass.
inline bool tell_with(const kind_of_story& tale, const kind_of_fault& failure, const kind_of_place& kind,
                      std::size_t number, std::string& wrong) {
    const auto witness = std::make_shared<int>();
    const auto failures = std::make_shared<post_failures>();
    std::size_t happened = 0;
    {
        const auto where = kind.make();
        const auto told = tale.make(*where, failures, witness);
        {
            const auto failing = failure.make(*where, *failures, number);
            told->act();
            happened = failing->end();
        }
        if (!where->settle([&] { return told->over(); }))
            wrong += "never over; ";
        wrong += told->wrong();
    }
    if (swept::alive != 0)
        wrong += std::to_string(swept::alive) + " values live; ";
    if (witness.use_count() != 1)
        wrong += "a closure lives; ";
    swept::alive = 0;
    return happened != 0;
}

/// Lets the first of them fail, then the second, and so on until there are no more.
inline std::size_t sweep(const kind_of_story& tale, const kind_of_fault& failure, const kind_of_place& kind) {
    if (!failure.works)
        return 0;
    std::size_t points = 0;
    int missed = 0; // on a pool, how many there are depends on who is faster
    for (std::size_t number = 1; failure.tries != 0 ? number <= failure.tries : missed < 3; ++number) {
        std::string wrong;
        if (tell_with(tale, failure, kind, number, wrong)) {
            ++points;
            missed = 0;
        } else {
            ++missed;
        }
        if (!wrong.empty())
            FAIL_CHECK(tale.name << " on " << kind.name << ", " << failure.name << ", number " << number
                                 << ": " << wrong);
        if (number > 2000)
            FAIL(tale.name << " on " << kind.name << ": it never ends");
    }
    return points;
}

inline void sweep_on_a_loop(const kind_of_story& tale, const kind_of_fault& failure) {
    const std::size_t points = sweep(tale, failure, place_of<event_loop_place>);
    std::cout << tale.name << ", " << failure.name << ": survived " << points << '\n';
    CHECK((points != 0 || !failure.works));
}
inline void sweep_everywhere(const kind_of_story& tale, const kind_of_fault& failure) {
    const std::size_t points[] = {
        sweep(tale, failure, place_of<event_loop_place>), sweep(tale, failure, place_of<thread_pool_place>),
        sweep(tale, failure, place_of<io_context_place>), sweep(tale, failure, place_of<erased_place>)};
    std::cout << tale.name << ", " << failure.name << ": survived " << points[0] << " on event_loop, "
              << points[1] << " on thread_pool, " << points[2] << " on io_context, " << points[3]
              << " on any_synchronization_context\n";
    for (const std::size_t each : points)
        CHECK((each != 0 || !failure.works));
}
inline void sweep_pools_thread(const kind_of_story& tale) {
    const auto& pool = place_of<thread_pool_place>;
    const std::size_t once = sweep(tale, fault_of<allocations_there<false>>(), pool);
    const std::size_t for_good = sweep(tale, fault_of<allocations_there<true>>(), pool);
    std::cout << tale.name << ", allocations of the pool's thread: survived " << once << " once, " << for_good
              << " for good\n";
}
inline void sweep_all(const kind_of_story& tale) {
    sweep_everywhere(tale, fault_of<allocations_here<false>>());
    sweep_everywhere(tale, fault_of<allocations_here<true>>());
    sweep_pools_thread(tale);
    sweep_everywhere(tale, fault_of<posts<false>>());
    sweep_everywhere(tale, fault_of<posts<true>>());
    sweep_everywhere(tale, fault_of<selections_of_posts>());
    sweep_everywhere(tale, fault_of<closing>());
    sweep_everywhere(tale, fault_of<drops_of_posts<false>>());
    sweep_everywhere(tale, fault_of<drops_of_posts<true>>());
    sweep_everywhere(tale, fault_of<starts>());
    sweep_everywhere(tale, fault_of<handlers>());
    sweep_everywhere(tale, fault_of<copies_and_moves>());
    sweep_everywhere(tale, fault_of<constructions>());
}

} // namespace tests

#endif
