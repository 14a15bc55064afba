// SPDX-License-Identifier: BSL-1.0
//
// In a program that may not use the heap as it likes: operations, calls and reports live in 256 KiB that it has set aside.
#include "eap/contexts/event_loop.hpp"
#include "eap/delegate.hpp"
#include "eap/memory.hpp"
#include "eap/operation_manager.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <iostream>
#include <memory_resource>

namespace {

//! [resource]
constexpr std::size_t set_aside = 262'144; // bytes

/// What it gives comes from a buffer; it can be asked how much was out at most.
class arena final : public std::pmr::memory_resource {
  public:
    std::size_t most() const { return most_; }

  private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
        const std::size_t now = in_use_ += bytes;
        most_ = now > most_ ? now : most_.load();
        return blocks_.allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
        in_use_ -= bytes;
        blocks_.deallocate(memory, bytes, alignment);
    }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    std::array<std::byte, set_aside> buffer_{};
    std::pmr::monotonic_buffer_resource all_{buffer_.data(), buffer_.size(),
                                             std::pmr::null_memory_resource()};
    std::pmr::synchronized_pool_resource blocks_{&all_};
    std::atomic<std::size_t> in_use_{0}, most_{0};
};
//! [resource]

} // namespace

int main() {
    static arena& memory = *new arena; // never destroyed: the library may use it to the last
    eap::set_memory_resource(memory);

    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    long sum = 0;
    for (long i = 0; i != 10'000; ++i) {
        auto operation = manager.create_operation<long, long>(
            {}, [&](const eap::completed_event_args<long>& e) { sum += e.result(); },
            [&](const eap::progress_changed_event_args<long>& e) { sum += e.value(); });
        operation.report_progress(50, 1);
        operation.complete(2);
        loop.poll();
        sum += eap::begin_invoke([](long n) { return n; }, 3L).end_invoke();
    }
    const bool as_expected = sum == 60'000 && memory.most() > 0 && memory.most() <= set_aside;
    std::cout << "10000 operations and calls in " << memory.most() << " bytes of our own at most\n"
              << (as_expected ? "as expected\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
