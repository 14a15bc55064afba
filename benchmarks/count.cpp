// SPDX-License-Identifier: BSL-1.0
//
//     count WORKLOAD COUNT      does it COUNT times and prints the allocations for each
//
// For instructions, run it under `valgrind --tool=callgrind` with two counts, and divide the difference: count.sh does.
#include "counting.hpp"
#include "workloads.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

int main(int argc, char** argv) {
    const std::string wanted = argc == 3 ? argv[1] : "";
    try {
        for (const benchmarks::comparison& comparison : benchmarks::comparisons())
            for (const benchmarks::way& way : comparison.ways) {
                const std::string name = comparison.name + "/" + way.name;
                if (argc != 3 && way.is_counted)
                    std::printf("%s\n", name.c_str());
                if (name != wanted)
                    continue;
                const long count = std::atol(argv[2]);
                way.run(1'000); // warms up: caches of the library below, static objects
                const benchmarks::allocations before = benchmarks::allocations_so_far();
                way.run(count);
                const benchmarks::allocations after = benchmarks::allocations_so_far();
                std::printf("%s %.3f\n", name.c_str(),
                            static_cast<double>(after.count - before.count) / static_cast<double>(count));
                return 0;
            }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return argc == 3 ? 2 : 0;
}
