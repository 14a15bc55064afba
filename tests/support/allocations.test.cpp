// SPDX-License-Identifier: BSL-1.0
//
// Replaces operator new and, where that can be done, std::aligned_alloc for the test program; and tests that this works.
#include "support/allocations.hpp"

#include "support/catch.hpp"

#include <eap/detail/block_memory.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

namespace {

constinit thread_local std::size_t allocations = 0;
constinit thread_local std::size_t refused = 0;
constinit thread_local std::size_t until_failure = 0; // 0: never
constinit thread_local bool fails_for_good = false;
constinit thread_local bool sees_asio = false;

} // namespace

#ifndef EAP_TESTS_ALLOCATIONS_UNSEEN

namespace {

bool may_allocate() noexcept {
    ++allocations;
    if (until_failure == 0 || --until_failure != 0)
        return true;
    ++refused;
    if (fails_for_good)
        until_failure = 1;
    return false;
}
void count_one() {
    if (!may_allocate())
        throw std::bad_alloc{};
}

/// The system's own, which nobody counts.
void* aligned_memory(std::size_t alignment, std::size_t bytes) noexcept {
#if defined(__GLIBC__)
    void* memory = nullptr;
    return ::posix_memalign(&memory, std::max(alignment, sizeof(void*)), bytes) == 0 ? memory : nullptr;
#else
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
#endif
}

} // namespace

#if defined(__GLIBC__)
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    return sees_asio && !may_allocate() ? nullptr : aligned_memory(alignment, bytes);
}
#endif

namespace {

// Not inline: compilers that see both ends of it take malloc's memory, freed, for operator new's.
#if defined(__GNUC__)
[[gnu::noinline]]
#endif
void give_back(void* memory) noexcept {
    std::free(memory);
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
    if (void* const memory = aligned_memory(static_cast<std::size_t>(alignment), bytes))
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
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

#endif

namespace tests {

allocation_watch::allocation_watch(sees what) noexcept {
    allocations = 0;
    refused = 0;
    sees_asio = what == sees::asio_too;
    if (what != sees::heap_alone)
        eap::detail::block_memory::suspend();
}
allocation_watch::~allocation_watch() {
    fail(0);
    sees_asio = false;
    eap::detail::block_memory::resume();
}
std::size_t allocation_watch::count() const noexcept { return allocations; }
void allocation_watch::fail(std::size_t number) noexcept {
    until_failure = number;
    fails_for_good = false;
}
void allocation_watch::fail_from(std::size_t number) noexcept {
    until_failure = number;
    fails_for_good = true;
}
std::size_t allocation_watch::failures() const noexcept { return refused; }

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

TEST_CASE("the watch makes every allocation fail from one on, and says how many have", "[support]") {
    int made = 0;
    std::size_t failures = 0;
    {
        tests::allocation_watch watch;
        watch.fail_from(3);
        for (int i = 0; i < 10; ++i) {
            try {
                static_cast<void>(std::make_unique<int>(i));
                ++made;
            } catch (const std::bad_alloc&) {
            }
        }
        failures = watch.failures();
    }
    CHECK(made == 2);
    CHECK(failures == 8);
    CHECK(std::make_unique<int>(1) != nullptr);
}

#if defined(__GLIBC__)
TEST_CASE("the watch sees the allocations of Boost.Asio when asked to", "[support]") {
    boost::asio::io_context io;
    bool threw = false;
    bool ran = false;
    {
        tests::allocation_watch watch{tests::allocation_watch::sees::asio_too};
        watch.fail(1);
        try {
            boost::asio::post(io, [&] { ran = true; });
        } catch (const std::bad_alloc&) {
            threw = true;
        }
    }
    io.run();
    CHECK(threw);
    CHECK_FALSE(ran);
}
#endif

#else

TEST_CASE("under a sanitizer the watch says that it sees nothing", "[support]") {
    const tests::allocation_watch watch;
    const auto one = std::make_shared<int>(1);
    CHECK_FALSE(tests::allocation_watch::works);
    CHECK(watch.count() == 0);
}

#endif
