// SPDX-License-Identifier: BSL-1.0
//
// What is measured: comparisons, each of several ways to do one thing many times.
#ifndef EAP_BENCHMARKS_WORKLOADS_HPP
#define EAP_BENCHMARKS_WORKLOADS_HPP

#include <algorithm>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace benchmarks {

/// One way to do it.
struct way {
    std::string name;
    /// Does it `count` times, and returns how long that took, in seconds; 0 when whoever calls has to look at the clock.
    std::function<double(long count)> run;
    long round = 10'000;    ///< how many times in one measurement
    bool is_counted = true; ///< whether its instructions and allocations say something
    double (*bytes)() =
        nullptr; ///< what one of them takes from the heap while it is pending; null: not asked
};

struct comparison {
    std::string name;
    std::vector<way> ways;
};

/// All that is linked into the program.
inline std::vector<comparison>& comparisons() {
    static std::vector<comparison> all;
    return all;
}

/// Adds ways to the comparison of that name: a constant in each file that has some.
struct registration {
    registration(const std::string& name, std::vector<way> ways) {
        auto& all = comparisons();
        auto found = std::ranges::find(all, name, &comparison::name);
        if (found == all.end())
            found = all.insert(all.end(), {name, {}});
        for (way& each : ways)
            found->ways.push_back(std::move(each));
    }
};

/// A way whose function returns a sum that is known: whoever leaves something out is found.
inline way checked(std::string name, std::function<long(long count)> sum_up, long round = 10'000) {
    return {name,
            [name, sum_up = std::move(sum_up)](long count) {
                if (sum_up(count) != count * (count + 1) / 2)
                    throw std::logic_error{name + ": a wrong sum"};
                return 0.0;
            },
            round};
}

/// As many as the shared pool of eap has.
inline std::size_t threads() { return std::max<std::size_t>(2, std::thread::hardware_concurrency()); }

} // namespace benchmarks

#endif
