// SPDX-License-Identifier: BSL-1.0
//
// Counts allocations: by operator new, and by aligned_alloc, with which Asio allocates (the linker wraps it).
#include "counting.hpp"

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <string>

namespace {

std::atomic<long> allocations{0};

} // namespace

extern "C" void* __real_aligned_alloc(std::size_t alignment, std::size_t bytes);
extern "C" void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __real_aligned_alloc(alignment, bytes);
}

void* operator new(std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* const memory = std::malloc(bytes))
        return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    const auto unit = static_cast<std::size_t>(alignment);
    if (void* const memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit))
        return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

int benchmarks::count_allocations(int argc, char** argv, const std::map<std::string, workload>& workloads) {
    const auto found = argc == 3 ? workloads.find(argv[1]) : workloads.end();
    if (found == workloads.end()) {
        std::fprintf(stderr, "usage: %s WORKLOAD COUNT, with one of these workloads:\n", argv[0]);
        for (const auto& [name, ignored] : workloads)
            std::fprintf(stderr, "  %s\n", name.c_str());
        return 2;
    }
    const long count = std::atol(argv[2]);
    found->second(1'000); // warm up: caches of the library below, static objects
    const long before = allocations.load();
    const long done = found->second(count);
    std::printf("%s: %.3f allocations each (%ld)\n", argv[1],
                static_cast<double>(allocations.load() - before) / static_cast<double>(count), done);
    return 0;
}
