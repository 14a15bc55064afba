// SPDX-License-Identifier: BSL-1.0
//
// The .NET classes themselves. mono.exe WORKLOAD COUNT prints the seconds that COUNT of them took, after a warm-up.
using System;
using System.ComponentModel;
using System.Diagnostics;
using System.Threading;

static class Program {
    delegate long Function(long i);
    static long Payload(long i) { return i + 1; }

    static long BeginEnd(long count, int at_once) {
        Function function = Payload;
        var calls = new IAsyncResult[at_once];
        long sum = 0;
        for (long begun = 0; begun < count;) {
            int n = 0;
            for (; n < at_once && begun < count; ++n, ++begun)
                calls[n] = function.BeginInvoke(begun, null, null);
            for (int i = 0; i < n; ++i)
                sum += function.EndInvoke(calls[i]);
        }
        return sum;
    }
    static long Operations(long count) { // the context is the pool: Mono has no loop of its own
        long sum = 0;
        using (var left = new CountdownEvent((int)count)) {
            for (long i = 0; i < count; ++i) {
                var operation = AsyncOperationManager.CreateOperation(null);
                long value = i + 1;
                operation.PostOperationCompleted(state => { Interlocked.Add(ref sum, value); left.Signal(); }, null);
            }
            left.Wait();
        }
        return sum;
    }
    static long Progress(long count) {
        long sum = 0;
        using (var left = new CountdownEvent((int)count)) {
            var operation = AsyncOperationManager.CreateOperation(null);
            for (long i = 0; i < count; ++i) {
                long value = i + 1;
                operation.Post(state => { Interlocked.Add(ref sum, value); left.Signal(); }, null);
            }
            left.Wait();
            operation.OperationCompleted();
        }
        return sum;
    }
    static long Workers(long count) { // one BackgroundWorker after the other
        long sum = 0;
        using (var done = new AutoResetEvent(false)) {
            for (long i = 0; i < count; ++i) {
                var worker = new BackgroundWorker();
                worker.DoWork += (sender, e) => { e.Result = Payload((long)e.Argument); };
                worker.RunWorkerCompleted += (sender, e) => { sum += (long)e.Result; done.Set(); };
                worker.RunWorkerAsync(i);
                done.WaitOne();
            }
        }
        return sum;
    }
    static long Run(string name, long count) {
        switch (name) {
        case "begin_end": return BeginEnd(count, 1000);
        case "latency": return BeginEnd(count, 1);
        case "operation": return Operations(count);
        case "progress": return Progress(count);
        case "worker": return Workers(count);
        }
        throw new ArgumentException("no workload: " + name);
    }
    static int Main(string[] args) {
        long count = long.Parse(args[1]);
        Run(args[0], Math.Min(count, 2000));
        var watch = Stopwatch.StartNew();
        long sum = Run(args[0], count);
        watch.Stop();
        if (sum != count * (count + 1) / 2) {
            Console.Error.WriteLine(args[0] + ": a wrong sum");
            return 1;
        }
        Console.WriteLine(watch.Elapsed.TotalSeconds.ToString("R", System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    }
}
