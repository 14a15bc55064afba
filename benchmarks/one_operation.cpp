// SPDX-License-Identifier: BSL-1.0
//
// What one operation costs: create, complete, deliver, and one report, beside a bare asio::post of the same payload.
//
//     one_operation WORKLOAD COUNT      does it COUNT times and prints the allocations for each
//
// For instructions, run it under `valgrind --tool=callgrind` with two counts, and divide the difference.
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/operation_manager.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <string>

namespace {

std::atomic<long> allocations{0};

} // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* const memory = std::malloc(bytes))
        return memory;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
extern "C" void* __real_aligned_alloc(std::size_t alignment, std::size_t bytes); // Asio allocates with it
extern "C" void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    return __real_aligned_alloc(alignment, bytes);
}

namespace {

long delivered = 0;

void raw_post(long count) {
    boost::asio::io_context io;
    for (long i = 0; i != count; ++i) {
        boost::asio::post(io, [i] { delivered += i; });
        io.poll();
        io.restart();
    }
}

template <class Home, class Pump>
void operations(const Home& home, Pump pump, long count, eap::user_state id) {
    eap::operation_manager manager{home};
    for (long i = 0; i != count; ++i) {
        auto operation = manager.create_operation<long>(
            id, [](const eap::completed_event_args<long>& e) { delivered += e.result(); });
        operation.complete(i);
        pump();
    }
}

void on_io_context(long count) {
    boost::asio::io_context io;
    operations(eap::asio_context{io.get_executor()},
               [&] {
                   io.poll();
                   io.restart();
               },
               count, {});
}

void on_event_loop(long count) {
    eap::event_loop loop;
    operations(loop.context(), [&] { loop.poll(); }, count, {});
}

void on_event_loop_with_id(long count) {
    eap::event_loop loop;
    operations(loop.context(), [&] { loop.poll(); }, count, 7);
}

void reports(long count, eap::progress_delivery delivery, long batch) {
    eap::event_loop loop;
    eap::operation_manager manager{loop.context()};
    auto operation = manager.create_operation<void, long>(
        {}, [](const eap::completed_event_args<>&) {},
        [](const eap::progress_changed_event_args<long>& e) { delivered += e.value(); },
        eap::operation_options{.progress = delivery});
    for (long i = 0; i != count; ++i) {
        operation.report_progress(50, i);
        if (i % batch == 0)
            loop.poll();
    }
    operation.complete();
    loop.run();
}

} // namespace

int main(int argc, char** argv) {
    const std::map<std::string, std::function<void(long)>> workloads{
        {"raw_post", raw_post},
        {"operation_on_io_context", on_io_context},
        {"operation_on_event_loop", on_event_loop},
        {"operation_on_event_loop_with_id", on_event_loop_with_id},
        {"report_every", [](long count) { reports(count, eap::progress_delivery::every(), 32); }},
        {"report_latest", [](long count) { reports(count, eap::progress_delivery::latest(), 32); }},
    };
    const auto workload = argc == 3 ? workloads.find(argv[1]) : workloads.end();
    if (workload == workloads.end()) {
        std::fputs("usage: one_operation WORKLOAD COUNT, with one of these workloads:\n", stderr);
        for (const auto& [name, ignored] : workloads)
            std::fprintf(stderr, "  %s\n", name.c_str());
        return 2;
    }
    const long count = std::atol(argv[2]);
    workload->second(100); // warm up: caches of the library below, static objects
    const long before = allocations.load();
    workload->second(count);
    std::printf("%s: %.3f allocations each (%ld)\n", argv[1],
                static_cast<double>(allocations.load() - before) / static_cast<double>(count), delivered);
}
