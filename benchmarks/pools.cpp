// SPDX-License-Identifier: BSL-1.0
//
// Asio's pool, which the others are compared with, and ours.
#include "pools.hpp"
#include "workloads.hpp"

#include <eap/contexts/thread_pool.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <utility>

namespace {

struct asio_pool {
    ~asio_pool() { pool.join(); }
    template <class F> void post(F function) { boost::asio::post(pool, std::move(function)); }
    boost::asio::thread_pool pool{benchmarks::threads()};
};
struct eap_pool {
    template <class F> void post(F function) { context.post(std::move(function)); }
    eap::thread_pool pool{benchmarks::threads()};
    eap::thread_pool::context_type context = pool.context();
};

const benchmarks::pool_registration<asio_pool> first{"asio_thread_pool"};
const benchmarks::pool_registration<eap_pool> second{"eap_thread_pool"};

} // namespace
