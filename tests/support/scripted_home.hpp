// SPDX-License-Identifier: BSL-1.0
//
// A home whose every post does what a script says: for forcing one interleaving after the other.
#ifndef EAP_TESTS_SUPPORT_SCRIPTED_HOME_HPP
#define EAP_TESTS_SUPPORT_SCRIPTED_HOME_HPP

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/errors.hpp>

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace tests {

struct handler_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What a post of the scripted home does.
using step = std::function<void(std::function<void()>)>;

/// A home whose posts follow a script, a step for each; those after the last step are queued.
struct scripted_home {
    manual_queue queue;
    std::vector<step> steps;
    std::size_t posts = 0; // one at a time
    tests::client client{scripted_context{[this](std::function<void()> function) {
        const std::size_t number = posts++;
        if (number < steps.size())
            steps[number](std::move(function));
        else
            queue.context().post(std::move(function));
    }}};

    step accepts() {
        return [this](std::function<void()> function) { queue.context().post(std::move(function)); };
    }
};

inline const step refuses = [](std::function<void()>) { throw post_refused{}; };
inline const step drops = [](std::function<void()>) {};
inline const step is_closed = [](std::function<void()>) { throw eap::context_closed{}; };

template <class F> void on_another_thread(F function) { std::thread{std::move(function)}.join(); }

} // namespace tests

#endif
