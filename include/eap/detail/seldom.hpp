// SPDX-License-Identifier: BSL-1.0
//
// Detail – EAP_SELDOM, before a function that runs seldom: kept out of those that always run, it costs them nothing.
#ifndef EAP_DETAIL_SELDOM_HPP
#define EAP_DETAIL_SELDOM_HPP

// Inlined, what it needs (registers to save, an exception to make) is prepared on each way through its caller.
#if defined(__GNUC__) // and clang
#define EAP_SELDOM [[gnu::cold, gnu::noinline]]
#elif defined(_MSC_VER)
#define EAP_SELDOM __declspec(noinline)
#else
#define EAP_SELDOM
#endif

#endif
