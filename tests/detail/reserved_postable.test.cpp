// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/reserved_postable.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using eap::detail::reserved_postable;
constexpr std::size_t slot_size = reserved_postable::slot_size;
constexpr std::size_t alignment = alignof(std::max_align_t);

struct block final : reserved_postable {
    explicit block(std::atomic<int>& d) : deaths(d) {}
    ~block() { ++deaths; }
    void run_posted() override { release_reference(); }
    void dropped() noexcept override { release_reference(); }
    std::atomic<int>& deaths;
};

struct owned_block { // holds the creator's reference
    explicit owned_block(std::size_t slots = 2) : it(reserved_postable::make<block>(slots, deaths)) {}
    ~owned_block() {
        if (it != nullptr)
            it->release_reference();
    }
    void release() {
        it->release_reference();
        it = nullptr;
    }
    std::atomic<int> deaths{0};
    block* it;
};

bool is_slot(const block& b, const void* memory, std::size_t slots = 2) {
    const auto end = reinterpret_cast<std::uintptr_t>(&b);
    const auto at = reinterpret_cast<std::uintptr_t>(memory);
    return at >= end - slots * slot_size && at + slot_size <= end;
}

} // namespace

TEST_CASE("two nodes at a time cost no allocation", "[reserved_postable][G8]") {
    owned_block b;
    void *first = nullptr, *second = nullptr;
    std::size_t allocations = 0;
    {
        const tests::allocation_watch watch;
        first = b.it->allocate(slot_size, alignment);
        second = b.it->allocate(1, 1);
        allocations = watch.count();
    }
    CHECK(allocations == 0);
    CHECK(is_slot(*b.it, first));
    CHECK(is_slot(*b.it, second));
    CHECK(first != second);
    b.it->deallocate(first, slot_size, alignment);
    b.it->deallocate(second, 1, 1);
}

TEST_CASE("the memory of a slot is aligned, and all of it may be written", "[reserved_postable]") {
    owned_block b;
    void* const first = b.it->allocate(slot_size, alignment);
    void* const second = b.it->allocate(slot_size, alignment);
    std::memset(first, 1, slot_size);
    std::memset(second, 2, slot_size);
    CHECK(reinterpret_cast<std::uintptr_t>(first) % alignment == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(second) % alignment == 0);
    CHECK(static_cast<unsigned char*>(first)[slot_size - 1] == 1);
    b.it->deallocate(first, slot_size, alignment);
    b.it->deallocate(second, slot_size, alignment);
}

TEST_CASE("the third node comes from the heap, until one is given back", "[reserved_postable]") {
    owned_block b;
    void* const first = b.it->allocate(8, 8);
    void* const second = b.it->allocate(8, 8);
    void* const third = b.it->allocate(8, 8);
    CHECK_FALSE(is_slot(*b.it, third));
    b.it->deallocate(first, 8, 8);
    void* const fourth = b.it->allocate(8, 8);
    CHECK(fourth == first);
    for (void* each : {second, third, fourth})
        b.it->deallocate(each, 8, 8);
}

TEST_CASE("a block has as many slots as it was made with, and at most two", "[reserved_postable]") {
    const std::size_t asked = GENERATE(0U, 1U, 2U, 3U);
    const std::size_t given = asked < 2 ? asked : 2;
    owned_block b{asked};
    std::vector<void*> nodes;
    for (std::size_t i = 0; i != 3; ++i) {
        nodes.push_back(b.it->allocate(slot_size, alignment));
        std::memset(nodes.back(), 1, slot_size);
        CHECK(is_slot(*b.it, nodes.back(), given) == (i < given));
    }
    for (void* each : nodes)
        b.it->deallocate(each, slot_size, alignment);
    b.release();
    CHECK(b.deaths == 1);
}

TEST_CASE("a block may be aligned more than its slots", "[reserved_postable]") {
    struct alignas(64) aligned_block final : reserved_postable {
        void run_posted() override {}
        void dropped() noexcept override {}
    };
    auto* const b = reserved_postable::make<aligned_block>(1);
    CHECK(reinterpret_cast<std::uintptr_t>(b) % 64 == 0);
    void* const node = b->allocate(slot_size, alignment);
    std::memset(node, 1, slot_size);
    b->deallocate(node, slot_size, alignment);
    b->release_reference();
}

TEST_CASE("a block that cannot be made leaves nothing behind", "[reserved_postable][G9]") {
    struct refused final : reserved_postable {
        refused() { throw 1; }
        void run_posted() override {}
        void dropped() noexcept override {}
    };
    CHECK_THROWS_AS(reserved_postable::make<refused>(2), int); // the address sanitizer looks
}

TEST_CASE("what is larger than a slot, or aligned more, comes from the heap", "[reserved_postable]") {
    owned_block b;
    void* const large = b.it->allocate(slot_size + 1, alignment);
    void* const aligned = b.it->allocate(8, 4 * alignment);
    CHECK_FALSE(is_slot(*b.it, large));
    CHECK_FALSE(is_slot(*b.it, aligned));
    CHECK(reinterpret_cast<std::uintptr_t>(aligned) % (4 * alignment) == 0);
    b.it->deallocate(large, slot_size + 1, alignment);
    b.it->deallocate(aligned, 8, 4 * alignment);
}

TEST_CASE("the last reference destroys the block", "[reserved_postable][G14]") {
    owned_block b;
    b.it->add_reference();
    b.it->release_reference();
    CHECK(b.deaths == 0);
    b.release();
    CHECK(b.deaths == 1);
}

TEST_CASE("memory that comes back late keeps the block until then", "[reserved_postable][G14]") {
    owned_block b;
    block* const it = b.it;
    void* const first = it->allocate(8, 8);
    void* const second = it->allocate(8, 8);
    b.release();
    CHECK(b.deaths == 0);
    it->deallocate(second, 8, 8);
    CHECK(b.deaths == 0);
    it->deallocate(first, 8, 8);
    CHECK(b.deaths == 1);
}

TEST_CASE("a closure's allocator finds the slots", "[reserved_postable][G8]") {
    owned_block b;
    b.it->add_reference(); // the closure's
    const eap::detail::posted closure{*b.it};
    auto allocator = closure.get_allocator();
    std::byte* const memory = allocator.allocate(slot_size);
    CHECK(is_slot(*b.it, memory));
    allocator.deallocate(memory, slot_size);
}

TEST_CASE("threads share one block: no memory is lent twice, and it dies once",
          "[reserved_postable][stress]") {
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> deaths{0}, shared{0};
        auto* const b = reserved_postable::make<block>(2, deaths);
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            b->add_reference();
            threads.emplace_back([b, t, &shared] {
                for (int i = 0; i < 50; ++i) {
                    auto* const memory = static_cast<unsigned char*>(b->allocate(16, 8));
                    std::memset(memory, t, 16);
                    for (int k = 0; k < 16; ++k)
                        shared += memory[k] == t ? 0 : 1;
                    if (i == 49)
                        b->release_reference(); // the memory comes back after the reference
                    b->deallocate(memory, 16, 8);
                }
            });
        }
        b->release_reference();
        for (auto& each : threads)
            each.join();
        if (deaths != 1 || shared != 0) {
            CHECK(deaths == 1);
            CHECK(shared == 0);
            return;
        }
    }
    SUCCEED("no memory was lent twice");
}

TEST_CASE("a node from the heap that is given back late keeps the block alive", "[reserved_postable][G14]") {
    owned_block b;
    block& lender = *b.it;
    void* const node = lender.allocate(slot_size + 1, alignment);
    b.release();
    CHECK(b.deaths == 0);
    lender.deallocate(node, slot_size + 1, alignment);
    CHECK(b.deaths == 1);
}
