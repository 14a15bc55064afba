// SPDX-License-Identifier: BSL-1.0
//
// `return i + 1` on a pool: what it costs to begin that and to end it, beside what Asio and the standard library have, and beside a bare
// asio::post, which has nothing to end.
#include "calls.hpp"
#include "workloads.hpp"

#include <eap/contexts/asio_context.hpp>
#include <eap/delegate.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <semaphore>
#include <utility>

namespace {

using namespace benchmarks;
namespace asio = boost::asio;

asio::thread_pool& asio_pool() {
    static asio::thread_pool pool{threads()};
    return pool;
}
const auto& asio_pool_as_context() {
    static const eap::asio_context context{asio_pool()};
    return context;
}

// Each way: begin() returns what end() takes.

struct eap_begin_invoke {
    auto begin(long i) const { return eap::begin_invoke(payload, i); }
    long end(eap::async_call<long(long)>& call) const { return call.end_invoke(); }
};
struct eap_delegate {
    auto begin(long i) const { return function.begin_invoke(i); }
    long end(eap::async_call<long(long)>& call) const { return function.end_invoke(call); }
    eap::delegate<long(long)> function{payload};
};
struct eap_delegate_out {
    auto begin(long i) const { return function.begin_invoke(i, 0); }
    long end(eap::async_call<bool(long, long&)>& call) const {
        long out = 0;
        return function.end_invoke(out, call) ? out : 0;
    }
    eap::delegate<bool(long, long&)> function{[](long i, long& out) { return out = payload(i), true; }};
};
struct eap_on_asio_pool {
    auto begin(long i) const { return eap::begin_invoke(asio_pool_as_context(), payload, i); }
    long end(eap::async_call<long(long)>& call) const { return call.end_invoke(); }
};
struct promise {
    auto begin(long i) const {
        std::promise<long> kept;
        auto call = kept.get_future();
        asio::post(asio_pool(), [kept = std::move(kept), i]() mutable { kept.set_value(payload(i)); });
        return call;
    }
    long end(std::future<long>& call) const { return call.get(); }
};
struct packaged_task {
    auto begin(long i) const {
        std::packaged_task<long()> task{[i] { return payload(i); }};
        auto call = task.get_future();
        asio::post(asio_pool(), [task = std::move(task)]() mutable { task(); });
        return call;
    }
    long end(std::future<long>& call) const { return call.get(); }
};
struct use_future {
    auto begin(long i) const {
        return asio::post(asio_pool(), asio::use_future([i] { return payload(i); }));
    }
    long end(std::future<long>& call) const { return call.get(); }
};
struct std_async {
    auto begin(long i) const { return std::async(std::launch::async, payload, i); }
    long end(std::future<long>& call) const { return call.get(); }
};

const auto post = [](auto function) { asio::post(asio_pool(), std::move(function)); };

way std_async_of(long (*run)(long)) {
    way made = checked("std_async", run, 1'000);
    made.is_counted = false; // its threads are the system's work
    return made;
}

// ---- one at a time: who waits for whom ----

long one_post_at_a_time(long count) {
    std::binary_semaphore done{0};
    long sum = 0;
    for (long i = 0; i != count; ++i) {
        post([&, i] {
            sum += payload(i);
            done.release();
        });
        done.acquire();
    }
    return sum;
}

const registration latency{"latency",
                           {
                               checked("asio_post", one_post_at_a_time, 2'000),
                               checked("eap_begin_invoke", one_at_a_time<eap_begin_invoke>, 2'000),
                               checked("eap_on_asio_pool", one_at_a_time<eap_on_asio_pool>, 2'000),
                               checked("promise", one_at_a_time<promise>, 2'000),
                               checked("packaged_task", one_at_a_time<packaged_task>, 2'000),
                               checked("use_future", one_at_a_time<use_future>, 2'000),
                               std_async_of(one_at_a_time<std_async>),
                           }};

// ---- 1 000 begun and then ended, again and again: memory is used again ----

template <class Way> constexpr auto thousand = begun_then_ended<Way, 1'000>;

const registration begin_end{
    "begin_end",
    {
        checked("asio_post", [](long count) { return posted_with_one_latch<1'000>(count, post); }),
        checked("eap_begin_invoke", thousand<eap_begin_invoke>),
        checked("eap_delegate", thousand<eap_delegate>),
        checked("eap_delegate_out", thousand<eap_delegate_out>),
        checked("eap_on_asio_pool", thousand<eap_on_asio_pool>),
        checked("promise", thousand<promise>),
        checked("packaged_task", thousand<packaged_task>),
        checked("use_future", thousand<use_future>),
        std_async_of(begun_then_ended<std_async, 100>),
    }};

// ---- 100 000 at once ----

constexpr long many = 100'000;
template <class Way> constexpr auto all_at_once = begun_then_ended<Way, many>;

const registration many_at_once{
    "many_at_once",
    {
        checked(
            "asio_post", [](long count) { return posted_with_one_latch<many>(count, post); }, many),
        checked("eap_begin_invoke", all_at_once<eap_begin_invoke>, many),
        checked("eap_on_asio_pool", all_at_once<eap_on_asio_pool>, many),
        checked("promise", all_at_once<promise>, many),
        checked("packaged_task", all_at_once<packaged_task>, many),
        checked("use_future", all_at_once<use_future>, many),
    }};

// ---- with a callback, which ends it ----

long posted_twice(long count) {
    results all{count};
    for (long i = 0; i != count; ++i)
        post([&all, i] { post([&all, i, result = payload(i)] { all.set(i, result); }); });
    return all.wait_for_sum();
}
long with_callback(const eap::delegate<long(long)>& function, long count) {
    results all{count};
    for (long i = 0; i != count; ++i)
        function.begin_invoke(
            i, [&all, i](const eap::async_call<long(long)>& call) { all.set(i, call.end_invoke()); });
    return all.wait_for_sum();
}

const registration callback{
    "callback",
    {
        checked("asio_post_twice", posted_twice),
        checked("eap_delegate", [](long count) { return with_callback({payload}, count); }),
        checked("eap_on_asio_pool",
                [](long count) {
                    return with_callback(eap::delegate<long(long)>{payload}.on(asio_pool_as_context()),
                                         count);
                }),
    }};

} // namespace
