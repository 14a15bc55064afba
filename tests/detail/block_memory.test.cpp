// SPDX-License-Identifier: BSL-1.0
//
// Memory that is used again: by its thread, by others, and within bounds.
#include <eap/detail/block_memory.hpp> // first: proves that the header stands alone

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <memory>
#include <set>
#include <thread>
#include <vector>

using memory = eap::detail::block_memory;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool keeps_blocks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool keeps_blocks = false;
#else
constexpr bool keeps_blocks = true;
#endif
#else
constexpr bool keeps_blocks = true;
#endif

std::vector<void*> blocks(std::size_t count, std::size_t bytes) {
    std::vector<void*> all;
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(memory::allocate(bytes));
    return all;
}
void give_back(const std::vector<void*>& all, std::size_t bytes) {
    for (void* const each : all)
        memory::deallocate(each, bytes);
}

} // namespace

TEST_CASE("a block that was given back is the next one of its size", "[block_memory]") {
    if (!keeps_blocks)
        return;
    void* const first = memory::allocate(100);
    memory::deallocate(first, 100);

    void* const second = memory::allocate(128); // of the same 64 bytes

    CHECK(second == first);
    memory::deallocate(second, 128);
}

TEST_CASE("blocks in use are different ones, whatever their sizes", "[block_memory]") {
    for (int round = 0; round < 3; ++round) {
        std::set<void*> all;
        std::vector<std::vector<void*>> of_size;
        for (std::size_t bytes = 1; bytes < 1200; bytes += 97) {
            of_size.push_back(blocks(70, bytes));
            all.insert(of_size.back().begin(), of_size.back().end());
        }
        CHECK(all.size() == of_size.size() * 70);
        std::size_t bytes = 1;
        for (const auto& each : of_size) {
            give_back(each, bytes);
            bytes += 97;
        }
    }
}

TEST_CASE("what one thread gives back another one takes", "[block_memory]") {
    if (!keeps_blocks)
        return;
    constexpr std::size_t bytes = 500, count = 200;
    const std::vector<void*> made = blocks(count, bytes);
    std::thread{[&made] { give_back(made, bytes); }}.join();

    const std::vector<void*> again = blocks(count, bytes);

    const std::set<void*> before{made.begin(), made.end()};
    std::size_t known = 0;
    for (void* const each : again)
        known += before.count(each);
    CHECK(known >= count - 2 * 16); // all but what did not fill a pile
    give_back(again, bytes);
}

TEST_CASE("a thread that ends keeps nothing", "[block_memory]") { // leaks are found by whoever looks for them
    std::thread{[] { give_back(blocks(40, 64), 64); }}.join();
    std::thread{[] { memory::deallocate(memory::allocate(1), 1); }}.join();
}

TEST_CASE("memory may be given back while a thread is at its end", "[block_memory]") {
    struct gives_back_late {
        ~gives_back_late() {
            if (mine != nullptr)
                memory::deallocate(mine, 64);
        }
        void* mine = nullptr;
    };
    std::thread{[] {
        static thread_local gives_back_late late; // made first, destroyed last
        static_cast<void>(late.mine);
        late.mine = memory::allocate(64);
        give_back(blocks(3, 64), 64);
    }}.join();
}

TEST_CASE("while it is suspended a thread keeps no block", "[block_memory]") {
    if (!tests::allocation_watch::works)
        return;
    const tests::allocation_watch watch; // suspends

    give_back(blocks(1, 64), 64);
    give_back(blocks(1, 64), 64);

    CHECK(watch.count() >= 2); // and those of the vectors
    void* const first = memory::allocate(64);
    const std::size_t before = watch.count();
    memory::deallocate(first, 64);
    memory::deallocate(memory::allocate(64), 64);
    CHECK(watch.count() == before + 1);
}
