// SPDX-License-Identifier: BSL-1.0
//
// The .NET classes themselves, under Mono: mono.cs in a process of its own, which says how long it took.
#include "../workloads.hpp"

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace benchmarks;

way mono(const char* name, const char* workload, long round) {
    return {name,
            [workload](long count) {
                const std::string command =
                    std::string{"mono " EAP_BENCHMARKS_MONO " "} + workload + " " + std::to_string(count);
                const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output{popen(command.c_str(), "r"),
                                                                             pclose};
                double seconds = 0;
                if (!output || std::fscanf(output.get(), "%lf", &seconds) != 1)
                    throw std::runtime_error{command + " failed"};
                return seconds;
            },
            round, false};
}

const registration latency{"latency", {mono("mono_begin_invoke", "latency", 5'000)}};
const registration begin_end{"begin_end", {mono("mono_begin_invoke", "begin_end", 20'000)}};
const registration operation{
    "operation",
    {mono("mono_async_operation", "operation", 20'000), mono("mono_background_worker", "worker", 5'000)}};
const registration progress{"progress", {mono("mono_async_operation_post", "progress", 50'000)}};

} // namespace
