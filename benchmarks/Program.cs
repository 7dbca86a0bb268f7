using BenchmarkDotNet.Running;
using Larder.Benchmarks;

if (args is ["page-turns"])
{
    await PageTurns.RunAsync();
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
