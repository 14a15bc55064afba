// SPDX-License-Identifier: BSL-1.0
//
// One scenario: a few threads at one of the shared words of detail/, and what holds in every execution of theirs.
// EAP_EXPLORE_BOUND=<preemptions> goes deeper, or less deep, in all of them (under sanitizers all takes ten times as long); EAP_EXPLORE_SCHEDULE=<what a failure prints>
// repeats one execution.
#ifndef EAP_TESTS_EXPLORED_EXPLORED_HPP
#define EAP_TESTS_EXPLORED_EXPLORED_HPP

#include "support/explorer.hpp"

#include <cstdlib>
#include <string>

namespace tests {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto acq_rel = std::memory_order_acq_rel;

/// How far to go by default.
constexpr unsigned preemptions = 4;

template <class Scenario> explored explore_as_asked(Scenario scenario, unsigned how_far) {
    exploring what{.preemptions = how_far};
    if (const char* const bound = std::getenv("EAP_EXPLORE_BOUND"))
        what.preemptions = static_cast<unsigned>(std::atoi(bound));
    if (const char* const schedule = std::getenv("EAP_EXPLORE_SCHEDULE")) {
        what.how = exploring::search::replay;
        what.schedule = schedule;
    }
    return explore(what, scenario);
}

inline std::string summary_of(const explored& found) {
    return "explored " + std::to_string(found.executions) + " executions" +
           (found.exhausted ? ", all there are" : "") +
           (found.failure.empty() ? "" : ": " + found.failure + "; schedule " + found.schedule);
}

} // namespace tests

#if defined(EAP_EXPLORED_ALONE) // a program of one file, which needs no test framework: see mutants.sh
#include <cstdio>
#include <vector>

namespace tests {

struct scenario {
    const char* name;
    void (*run)();
};
inline std::vector<scenario>& scenarios() {
    static std::vector<scenario> all;
    return all;
}
inline bool all_hold = true;

template <class Scenario> void explore_all(Scenario it, unsigned how_far = preemptions) {
    const explored found = explore_as_asked(it, how_far);
    std::printf("  %s\n", summary_of(found).c_str());
    std::fflush(stdout);
    all_hold = all_hold && found.failure.empty() && found.exhausted;
}

} // namespace tests

#define EAP_JOIN_AGAIN(a, b) a##b
#define EAP_JOIN(a, b) EAP_JOIN_AGAIN(a, b)
#define TEST_CASE(name, tags)                                                                                \
    static void EAP_JOIN(scenario_, __LINE__)();                                                             \
    [[maybe_unused]] static const int EAP_JOIN(added_, __LINE__) =                                           \
        (tests::scenarios().push_back({name, &EAP_JOIN(scenario_, __LINE__)}), 0);                           \
    static void EAP_JOIN(scenario_, __LINE__)()

int main() {
#if defined(EAP_MUTANT) // a header under test says so
    std::printf("mutant %d\n", EAP_MUTANT);
#else
    std::printf("no mutant\n");
#endif
    for (const auto& each : tests::scenarios()) {
        std::printf("%s\n", each.name);
        std::fflush(stdout);
        each.run();
        if (!tests::all_hold)
            return 1;
    }
    return 0;
}

#else
#include "support/catch.hpp"

namespace tests {

template <class Scenario> void explore_all(Scenario it, unsigned how_far = preemptions) {
    const explored found = explore_as_asked(it, how_far);
    WARN(summary_of(found));
    CHECK(found.failure == "");
    CHECK((found.exhausted || std::getenv("EAP_EXPLORE_SCHEDULE") != nullptr));
}

} // namespace tests
#endif

#endif
