// SPDX-License-Identifier: BSL-1.0
//
// Replaces operator new for the test program, and tests that this works.
#include "support/allocations.hpp"

#include "support/catch.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

namespace {

constinit thread_local std::size_t allocations = 0;
constinit thread_local std::size_t until_failure = 0; // 0: never

} // namespace

#ifndef EAP_TESTS_ALLOCATIONS_UNSEEN

namespace {

void count_one() {
    ++allocations;
    if (until_failure != 0 && --until_failure == 0)
        throw std::bad_alloc{};
}

} // namespace

void* operator new(std::size_t bytes) {
    count_one();
    if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes))
        return memory;
    throw std::bad_alloc{};
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    count_one();
    const auto unit = static_cast<std::size_t>(alignment);
    if (void* const memory = std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit))
        return memory;
    throw std::bad_alloc{};
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return operator new(bytes, alignment); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    try {
        return operator new(bytes);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return operator new(bytes, std::nothrow);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#endif

namespace tests {

allocation_watch::allocation_watch() noexcept { allocations = 0; }
allocation_watch::~allocation_watch() { until_failure = 0; }
std::size_t allocation_watch::count() const noexcept { return allocations; }
void allocation_watch::fail(std::size_t number) noexcept { until_failure = number; }

} // namespace tests

#ifndef EAP_TESTS_ALLOCATIONS_UNSEEN

TEST_CASE("the watch sees the allocations of its own thread, and makes one fail", "[support]") {
    std::size_t seen = 0;
    bool failed = false;
    {
        tests::allocation_watch watch;
        const auto one = std::make_shared<int>(1);
        const auto two = std::make_shared<int>(2);
        seen = watch.count();
        watch.fail(2);
        const auto three = std::make_shared<int>(3);
        try {
            static_cast<void>(std::make_shared<int>(4));
        } catch (const std::bad_alloc&) {
            failed = true;
        }
    }
    CHECK(seen == 2);
    CHECK(failed);

    tests::allocation_watch watch;
    std::thread{[] { static_cast<void>(std::make_shared<int>(5)); }}.join();
    const std::size_t own = watch.count();
    CHECK(own == 1); // the thread's own start
}

#else

TEST_CASE("under a sanitizer the watch says that it sees nothing", "[support]") {
    const tests::allocation_watch watch;
    const auto one = std::make_shared<int>(1);
    CHECK_FALSE(tests::allocation_watch::works);
    CHECK(watch.count() == 0);
}

#endif
