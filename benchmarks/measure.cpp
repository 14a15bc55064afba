// SPDX-License-Identifier: BSL-1.0
//
// Times, by Google Benchmark. Each is a pair: one round of a way and one of what it is compared with, one after the other, again and
// again; what disturbs the machine disturbs both.
//
//     measure [--counts=FILE] [--page=FILE] [--images=DIRECTORY] [Google Benchmark's own options]
//
// FILE of counts is what count.sh has written. The page has all of it, as tables and plots.
#include "pages.hpp"
#include "report.hpp"
#include "workloads.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <exception>
#include <iostream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace benchmarks;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

struct cost { // of one, in seconds
    double time;
    double processors; // of all threads
};
cost measure(const way& which) {
    const auto begun = std::chrono::steady_clock::now();
    const std::clock_t clock_begun = std::clock();
    const double told = which.run(which.round);
    const std::clock_t clock_ended = std::clock();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    const auto count = static_cast<double>(which.round);
    if (told > 0) // by another process, or of a part of it
        return {told / count, unknown};
    return {passed.count() / count, static_cast<double>(clock_ended - clock_begun) / CLOCKS_PER_SEC / count};
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}
spread spread_of(const std::vector<double>& values) {
    return {median(values), std::ranges::min(values), std::ranges::max(values)};
}

/// How much longer two threads at once take than one alone: about 1 when two cores are free, 2 when there is but one.
double crowding() {
    const auto work = [] {
        volatile long counted = 0;
        while (counted != 2'000'000)
            counted = counted + 1;
    };
    const auto time = [](auto function) {
        const auto begun = std::chrono::steady_clock::now();
        function();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    };
    std::vector<double> alone, together;
    for (int i = 0; i != 9; ++i) {
        alone.push_back(time(work));
        together.push_back(time([&] {
            std::thread other{work};
            work();
            other.join();
        }));
    }
    return median(together) / median(alone);
}

constexpr int rounds = 11;

void register_all(report& into) {
    for (const page& each : pages) {
        const auto of = std::ranges::find(comparisons(), each.comparison, &comparison::name);
        if (of == comparisons().end())
            continue;
        const auto floor = std::ranges::find(of->ways, each.baseline, &way::name);
        for (const way& which : of->ways) {
            const std::string name = of->name + "/" + which.name;
            benchmark::RegisterBenchmark(
                name.c_str(),
                [&into, name, &which, &floor = *floor](benchmark::State& state) {
                    std::vector<double> seconds, time, processors;
                    try {
                        measure(floor); // warms up
                        measure(which);
                        for (bool first = true; auto _ : state) {
                            cost own{}, other{};
                            if (first)
                                own = measure(which);
                            other = measure(floor);
                            if (!first)
                                own = measure(which);
                            first = !first;
                            state.SetIterationTime(own.time);
                            seconds.push_back(own.time);
                            time.push_back(own.time / other.time);
                            processors.push_back(own.processors / std::max(other.processors, 1e-12));
                        }
                    } catch (const std::exception& error) {
                        state.SkipWithError(error.what());
                        return;
                    }
                    into.times[name] = {spread_of(seconds), spread_of(time), spread_of(processors),
                                        crowding(), which.bytes != nullptr ? which.bytes() : -1};
                    state.counters["ratio"] = into.times[name].time.median;
                })
                ->UseManualTime()
                ->Iterations(rounds)
                ->Unit(benchmark::kNanosecond);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    report all;
    std::string page_file, images;
    std::vector<char*> rest;
    for (int i = 0; i != argc; ++i) {
        const std::string argument = argv[i];
        if (argument.starts_with("--counts="))
            all.read_counts(argument.substr(9));
        else if (argument.starts_with("--page="))
            page_file = argument.substr(7);
        else if (argument.starts_with("--images="))
            images = argument.substr(9);
        else
            rest.push_back(argv[i]);
    }
    int count = static_cast<int>(rest.size());
    register_all(all);
    benchmark::Initialize(&count, rest.data());
    if (benchmark::ReportUnrecognizedArguments(count, rest.data()))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    if (!page_file.empty())
        all.write(page_file, images);
    return 0;
}
