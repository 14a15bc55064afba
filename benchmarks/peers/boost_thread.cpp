// SPDX-License-Identifier: BSL-1.0
//
// Boost.Thread: boost::async on a boost::basic_thread_pool, and with a continuation.
#include "../calls.hpp"
#include "../workloads.hpp"

#define BOOST_THREAD_VERSION 5 // the first with executors and continuations
#include <boost/thread/executors/basic_thread_pool.hpp>
#include <boost/thread/future.hpp>

namespace {

using namespace benchmarks;

boost::basic_thread_pool& pool() {
    static boost::basic_thread_pool instance{static_cast<unsigned>(threads())};
    return instance;
}
struct boost_async {
    auto begin(long i) const {
        return boost::async(pool(), [i] { return payload(i); });
    }
    long end(boost::future<long>& call) const { return call.get(); }
};
long with_continuation(long count) {
    results all{count};
    for (long i = 0; i != count; ++i)
        boost_async{}.begin(i).then(pool(), [&all, i](boost::future<long> call) { all.set(i, call.get()); });
    return all.wait_for_sum();
}

const registration latency{"latency", {checked("boost_async", one_at_a_time<boost_async>, 2'000)}};
const registration begin_end{"begin_end", {checked("boost_async", begun_then_ended<boost_async, 1'000>)}};
const registration callback{"callback", {checked("boost_async_then", with_continuation)}};

} // namespace
