// SPDX-License-Identifier: BSL-1.0
//
// What it costs to begin a call on a pool and to end it, beside other libraries' ways and a bare asio::post.
//
//     invoke compare [REPETITIONS]      the times of all, as ratios to asio::post of the same repetition
//     invoke WORKLOAD COUNT             does it COUNT times and prints the allocations for each
//
// For instructions, run the latter under `valgrind --tool=callgrind` with two counts, and divide the difference.
#include "counting.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/delegate.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#ifdef EAP_BENCHMARKS_BOOST_THREAD
#define BOOST_THREAD_VERSION 5 // the first with executors and continuations
#include <boost/thread/executors/basic_thread_pool.hpp>
#include <boost/thread/future.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <future>
#include <latch>
#include <map>
#include <numeric>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;

constexpr auto payload = [](long i) { return i + 1; }; // what every call does

/// As many as the shared pool of eap has.
std::size_t threads() { return std::max<std::size_t>(2, std::thread::hardware_concurrency()); }
asio::thread_pool& asio_pool() {
    static asio::thread_pool pool{threads()};
    return pool;
}
const auto& asio_pool_as_context() {
    static const eap::asio_context context{asio_pool()};
    return context;
}

// ---- ways to begin a call and to end it: begin() returns what end() takes ----

struct eap_begin_invoke {
    static constexpr auto name = "eap_begin_invoke";
    auto begin(long i) const { return eap::begin_invoke(payload, i); }
    long end(eap::async_call<long(long)>& call) const { return call.end_invoke(); }
};
struct eap_delegate {
    static constexpr auto name = "eap_delegate";
    auto begin(long i) const { return function.begin_invoke(i); }
    long end(eap::async_call<long(long)>& call) const { return function.end_invoke(call); }
    eap::delegate<long(long)> function{payload};
};
struct eap_delegate_with_out_parameter {
    static constexpr auto name = "eap_delegate_out";
    auto begin(long i) const { return function.begin_invoke(i, 0); }
    long end(eap::async_call<bool(long, long&)>& call) const {
        long out = 0;
        return function.end_invoke(out, call) ? out : 0;
    }
    eap::delegate<bool(long, long&)> function{[](long i, long& out) { return out = payload(i), true; }};
};
struct eap_begin_invoke_on_asio_pool {
    static constexpr auto name = "eap_on_asio_pool";
    auto begin(long i) const { return eap::begin_invoke(asio_pool_as_context(), payload, i); }
    long end(eap::async_call<long(long)>& call) const { return call.end_invoke(); }
};
struct std_async {
    static constexpr auto name = "std_async";
    auto begin(long i) const { return std::async(std::launch::async, payload, i); }
    long end(std::future<long>& call) const { return call.get(); }
};
struct asio_post_packaged_task {
    static constexpr auto name = "packaged_task";
    auto begin(long i) const {
        std::packaged_task<long()> task{[i] { return payload(i); }};
        auto call = task.get_future();
        asio::post(asio_pool(), [task = std::move(task)]() mutable { task(); });
        return call;
    }
    long end(std::future<long>& call) const { return call.get(); }
};
struct asio_post_use_future {
    static constexpr auto name = "use_future";
    auto begin(long i) const {
        return asio::post(asio_pool(), asio::use_future([i] { return payload(i); }));
    }
    long end(std::future<long>& call) const { return call.get(); }
};
#ifdef EAP_BENCHMARKS_BOOST_THREAD
boost::basic_thread_pool& boost_pool() {
    static boost::basic_thread_pool pool{static_cast<unsigned>(threads())};
    return pool;
}
struct boost_async {
    static constexpr auto name = "boost_async";
    auto begin(long i) const {
        return boost::async(boost_pool(), [i] { return payload(i); });
    }
    long end(boost::future<long>& call) const { return call.get(); }
};
#endif

template <class... Way> struct ways {};
using all_ways = ways<eap_begin_invoke, eap_delegate, eap_delegate_with_out_parameter,
                      eap_begin_invoke_on_asio_pool, asio_post_packaged_task, asio_post_use_future,
#ifdef EAP_BENCHMARKS_BOOST_THREAD
                      boost_async,
#endif
                      std_async>;

// ---- workloads: each does `count` calls and returns the sum of their results ----

template <class Way> long one_at_a_time(long count) {
    const Way way;
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        auto call = way.begin(i);
        sum += way.end(call);
    }
    return sum;
}
long one_post_at_a_time(long count) {
    std::binary_semaphore done{0};
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        asio::post(asio_pool(), [&, i] {
            sum += payload(i);
            done.release();
        });
        done.acquire();
    }
    return sum;
}

template <class Way, long AtOnce> long all_begun_then_ended(long count) {
    const Way way;
    std::vector<decltype(way.begin(0))> calls;
    calls.reserve(static_cast<std::size_t>(std::min(count, AtOnce)));
    long sum = 0;
    for (long begun = 0; begun != count;) {
        for (const long until = std::min(count, begun + AtOnce); begun != until; ++begun)
            calls.push_back(way.begin(begun));
        for (auto& each : calls)
            sum += way.end(each);
        calls.clear();
    }
    return sum;
}

/// What functions on a pool have come to, and the one latch for all of them.
class results {
  public:
    explicit results(long count) : values_(static_cast<std::size_t>(count)), missing_(count) {}
    void set(long i, long value) {
        values_[static_cast<std::size_t>(i)] = value;
        missing_.count_down();
    }
    long wait_for_sum() const {
        missing_.wait();
        return std::accumulate(values_.begin(), values_.end(), 0L);
    }

  private:
    std::vector<long> values_;
    std::latch missing_;
};

template <long AtOnce> long all_posted(long count) {
    long sum = 0;
    for (long begun = 0; begun != count;) {
        const long first = begun;
        const long until = std::min(count, first + AtOnce);
        results all{until - first};
        for (; begun != until; ++begun)
            asio::post(asio_pool(), [&all, first, i = begun] { all.set(i - first, payload(i)); });
        sum += all.wait_for_sum();
    }
    return sum;
}
long all_posted_twice(long count) {
    results all{count};
    for (long i = 0; i != count; ++i)
        asio::post(asio_pool(), [&all, i] {
            asio::post(asio_pool(), [&all, i, result = payload(i)] { all.set(i, result); });
        });
    return all.wait_for_sum();
}
long with_callback(const eap::delegate<long(long)>& function, long count) {
    results all{count};
    for (long i = 0; i != count; ++i)
        function.begin_invoke(
            i, [&all, i](const eap::async_call<long(long)>& call) { all.set(i, call.end_invoke()); });
    return all.wait_for_sum();
}
long on_shared_pool_with_callback(long count) { return with_callback({payload}, count); }
long on_asio_pool_with_callback(long count) {
    return with_callback(eap::delegate<long(long)>{payload}.on(asio_pool_as_context()), count);
}
#ifdef EAP_BENCHMARKS_BOOST_THREAD
long boost_async_then(long count) {
    results all{count};
    for (long i = 0; i != count; ++i)
        boost_async{}.begin(i).then(boost_pool(),
                                    [&all, i](boost::future<long> call) { all.set(i, call.get()); });
    return all.wait_for_sum();
}
#endif

// ---- comparing ----

struct row {
    std::string name;
    long (*run)(long count);
    long count; // a repetition's
};
struct comparison {
    std::string name;
    std::vector<row> rows; // the first is what the others are compared with
};

constexpr long few = 5'000;
constexpr long many = 100'000;
template <class Way>
constexpr bool starts_threads = std::is_same_v<Way, std_async>; // then not too many at once

template <class... Way> std::vector<row> latency(ways<Way...>) {
    return {{"asio_post", one_post_at_a_time, few}, {Way::name, one_at_a_time<Way>, few}...};
}
template <long AtOnce, class... Way> std::vector<row> throughput(ways<Way...>) {
    return {{"asio_post", all_posted<AtOnce>, many},
            {Way::name, all_begun_then_ended < Way, starts_threads<Way> ? 100 : AtOnce >,
             starts_threads<Way> ? few : many}...};
}

const std::vector<comparison>& comparisons() {
    static const std::vector<comparison> all{
        {"latency", latency(all_ways{})},             // a call is begun, then ended at once
        {"throughput", throughput<many>(all_ways{})}, // all are begun, then ended
        {"steady", throughput<1'000>(all_ways{})},    // 1 000 are begun, then ended, again and again
        {"callback",
         {
             {"asio_post", all_posted<many>, many},
             {"asio_post_twice", all_posted_twice, many},
             {"eap_delegate", on_shared_pool_with_callback, many},
             {"eap_on_asio_pool", on_asio_pool_with_callback, many},
#ifdef EAP_BENCHMARKS_BOOST_THREAD
             {"boost_async_then", boost_async_then, many},
#endif
         }},
    };
    return all;
}

long run_checked(const row& which, long count) {
    const long sum = which.run(count);
    if (sum != count * (count + 1) / 2)
        throw std::logic_error{which.name + ": a wrong sum"};
    return sum;
}

struct cost { // of one call, in seconds
    double time;
    double processor; // of all threads
};
template <class F> cost measure(F function, long count) {
    const auto begun = std::chrono::steady_clock::now();
    const std::clock_t clock_begun = std::clock();
    function();
    const std::clock_t clock_ended = std::clock();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    return {passed.count() / static_cast<double>(count),
            static_cast<double>(clock_ended - clock_begun) / CLOCKS_PER_SEC / static_cast<double>(count)};
}

class distribution {
  public:
    void add(double value) { values_.insert(std::ranges::upper_bound(values_, value), value); }
    double min() const { return values_.front(); }
    double median() const { return values_[values_.size() / 2]; }
    double max() const { return values_.back(); }

  private:
    std::vector<double> values_; // sorted
};

/// How much longer two threads at once take than one alone: about 1 when two cores are free, 2 when there is but one.
double crowding() {
    const auto work = [] {
        volatile long counted = 0;
        while (counted != 2'000'000)
            counted = counted + 1;
    };
    const auto work_twice = [&] {
        std::thread other{work};
        work();
        other.join();
    };
    distribution alone;
    distribution together;
    for (int i = 0; i != 9; ++i) {
        alone.add(measure(work, 1).time);
        together.add(measure(work_twice, 1).time);
    }
    return together.median() / alone.median();
}

/// One repetition does every row once, in turn: what disturbs the machine disturbs all of them.
void compare(const comparison& what, long repetitions) {
    struct ratios {
        distribution time;
        distribution processor;
    };
    std::vector<ratios> of_rows(what.rows.size());
    ratios floor; // in seconds
    const double crowding_before = crowding();
    for (long repetition = -1; repetition != repetitions; ++repetition) { // the first warms up
        std::vector<cost> costs(what.rows.size());
        for (std::size_t i = 0; i != what.rows.size(); ++i) { // each repetition begins with another row
            const std::size_t at = (i + static_cast<std::size_t>(repetition + 1)) % what.rows.size();
            const row& each = what.rows[at];
            costs[at] = measure([&] { run_checked(each, each.count); }, each.count);
        }
        if (repetition < 0)
            continue;
        floor.time.add(costs.front().time);
        floor.processor.add(costs.front().processor);
        for (std::size_t i = 0; i != costs.size(); ++i) {
            of_rows[i].time.add(costs[i].time / costs.front().time);
            of_rows[i].processor.add(costs[i].processor / costs.front().processor);
        }
    }
    std::printf("\n%s: %ld repetitions, %zu threads; %s takes %.2f us, %.2f us of processors\n",
                what.name.c_str(), repetitions, threads(), what.rows.front().name.c_str(),
                1e6 * floor.time.median(), 1e6 * floor.processor.median());
    std::printf("two threads at once take %.2f times as long as one alone before, %.2f after\n",
                crowding_before, crowding());
    std::printf("%-18s %24s %32s\n", "", "time: median (min..max)", "processors: median (min..max)");
    for (std::size_t i = 0; i != what.rows.size(); ++i) {
        const auto& [time, processor] = of_rows[i];
        std::printf("%-18s %8.2f (%6.2f..%6.2f) %16.2f (%6.2f..%6.2f)\n", what.rows[i].name.c_str(),
                    time.median(), time.min(), time.max(), processor.median(), processor.min(),
                    processor.max());
    }
    std::fflush(stdout);
}

std::map<std::string, benchmarks::workload> workloads() {
    std::map<std::string, benchmarks::workload> all;
    for (const comparison& each : comparisons())
        for (const row& which : each.rows)
            all.emplace(each.name + "_" + which.name,
                        [which](long count) { return run_checked(which, count); });
    return all;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc < 2 || std::string{argv[1]} != "compare") {
            const int status = benchmarks::count_allocations(argc, argv, workloads());
            if (status == 2)
                std::fputs("or: invoke compare [REPETITIONS]\n", stderr);
            return status;
        }
        for (const comparison& each : comparisons())
            compare(each, argc == 3 ? std::max(1L, std::atol(argv[2])) : 21);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
