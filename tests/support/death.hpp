// SPDX-License-Identifier: BSL-1.0
//
// Whether something ends the program by std::terminate. Tried in a child process, where there are any.
#ifndef EAP_TESTS_SUPPORT_DEATH_HPP
#define EAP_TESTS_SUPPORT_DEATH_HPP

#include "support/allocations.hpp" // knows the sanitizers, some of which allow no threads in a child process

#include <exception>
#include <optional>

#if defined(__unix__) && !defined(EAP_TESTS_ALLOCATIONS_UNSEEN)
#include <sys/wait.h>
#include <unistd.h>

namespace tests {

template <class F> std::optional<bool> terminates(F f) {
    constexpr int terminated = 42;
    const pid_t child = ::fork();
    if (child < 0)
        return std::nullopt;
    if (child == 0) {
        std::set_terminate([] { ::_exit(terminated); });
        f();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == terminated;
}

} // namespace tests

#else

namespace tests {

template <class F> std::optional<bool> terminates(F) {
    return std::nullopt; // cannot tell
}

} // namespace tests

#endif

#endif
