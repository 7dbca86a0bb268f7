using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Pipelines.Sockets.Unofficial;
using StackExchange.Redis;

namespace Larder.PipelinesSockets.Tests.Binding;

/// <summary>Every use of the socket library in the IL of StackExchange.Redis resolves, each in the context of its method.</summary>
public sealed class MemberReferenceTests : IDisposable
{
    private static readonly Assembly s_target = typeof(SocketConnection).Assembly;
    private readonly Assembly _caller = typeof(ConnectionMultiplexer).Assembly;
    private readonly PEReader _image;
    private readonly MetadataReader _metadata;

    public MemberReferenceTests()
    {
        _image = new PEReader(File.OpenRead(_caller.Location));
        _metadata = _image.GetMetadataReader();
    }

    public void Dispose() => _image.Dispose();

    [Fact]
    public void Every_type_reference_resolves()
    {
        var types = _metadata.TypeReferences.Where(IsTarget).Select(handle => _caller.ManifestModule.ResolveType(MetadataTokens.GetToken(handle))).ToList();

        Assert.NotEmpty(types);
        Assert.All(types, type => Assert.Same(s_target, type.Assembly));
    }

    [Fact]
    public void Every_member_reference_resolves_where_it_is_used()
    {
        var expected = _metadata.MemberReferences.Where(handle => IsTarget(_metadata.GetMemberReference(handle).Parent))
            .Select(handle => MetadataTokens.GetToken(handle)).ToHashSet();
        HashSet<int> seen = [];
        List<string> missing = [];
        foreach (var (method, instruction, _) in Instructions())
        {
            var token = MemberToken(instruction);
            if (!expected.Contains(token))
            {
                continue;
            }

            try
            {
                Assert.Same(s_target, Resolve(method, instruction.Token).Module.Assembly);
                seen.Add(token);
            }
            catch (Exception exception) when (exception is MissingMemberException or TypeLoadException or BadImageFormatException)
            {
                missing.Add($"{method.DeclaringType}.{method.Name}: {exception.Message}");
            }
        }

        Assert.True(expected.Count > 40, $"only {expected.Count} references were found");
        Assert.Empty(missing);
        Assert.Empty(expected.Except(seen));
    }

    /// <summary>A constrained call promises an interface of the type that no reference names: foreach disposes this way.</summary>
    [Fact]
    public void Types_called_through_interfaces_implement_them()
    {
        HashSet<(Type, Type)> promises = [];
        foreach (var (method, instruction, constraint) in Instructions())
        {
            if (constraint != 0
                && ResolveType(method, constraint) is { } type && type.Assembly == s_target
                && Resolve(method, instruction.Token).DeclaringType is { IsInterface: true } contract)
            {
                promises.Add((type.IsGenericType ? type.GetGenericTypeDefinition() : type, contract));
            }
        }

        Assert.Contains((typeof(Delegates.DelegateEnumerator<>), typeof(IDisposable)), promises);
        Assert.All(promises, promise => Assert.True(promise.Item2.IsAssignableFrom(promise.Item1), $"{promise.Item1} is no {promise.Item2}"));
    }

    private IEnumerable<(MethodBase Method, IlInstruction Instruction, int Constraint)> Instructions()
    {
        foreach (var handle in _metadata.MethodDefinitions)
        {
            if (_metadata.GetMethodDefinition(handle).RelativeVirtualAddress == 0)
            {
                continue;
            }

            var method = _caller.ManifestModule.ResolveMethod(MetadataTokens.GetToken(handle))!;
            var constraint = 0;
            foreach (var instruction in IlInstruction.Read(method.GetMethodBody()!.GetILAsByteArray()!))
            {
                yield return (method, instruction, constraint);
                constraint = instruction.Code == OpCodes.Constrained ? instruction.Token : 0;
            }
        }
    }

    private static MemberInfo Resolve(MethodBase method, int token)
        => method.Module.ResolveMember(token, method.DeclaringType!.GetGenericArguments(), method.IsGenericMethod ? method.GetGenericArguments() : [])!;

    private static Type ResolveType(MethodBase method, int token) => (Type)Resolve(method, token);

    private int MemberToken(IlInstruction instruction)
    {
        if (instruction.Token == 0)
        {
            return 0;
        }

        var handle = (EntityHandle)MetadataTokens.Handle(instruction.Token);
        return handle.Kind == HandleKind.MethodSpecification
            ? MetadataTokens.GetToken(_metadata.GetMethodSpecification((MethodSpecificationHandle)handle).Method)
            : instruction.Token;
    }

    private bool IsTarget(TypeReferenceHandle handle) => IsTarget((EntityHandle)handle);

    private bool IsTarget(EntityHandle handle)
    {
        switch (handle.Kind)
        {
            case HandleKind.TypeReference:
                return IsTarget(_metadata.GetTypeReference((TypeReferenceHandle)handle).ResolutionScope);
            case HandleKind.AssemblyReference:
                var name = _metadata.GetAssemblyReference((AssemblyReferenceHandle)handle).Name;
                return _metadata.StringComparer.Equals(name, s_target.GetName().Name!);
            case HandleKind.TypeSpecification:
                return IsTarget(GenericDefinition((TypeSpecificationHandle)handle));
            default:
                return false;
        }
    }

    private EntityHandle GenericDefinition(TypeSpecificationHandle handle)
    {
        var signature = _metadata.GetBlobReader(_metadata.GetTypeSpecification(handle).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
        {
            return default;
        }

        signature.ReadCompressedInteger();
        return signature.ReadTypeHandle();
    }
}
