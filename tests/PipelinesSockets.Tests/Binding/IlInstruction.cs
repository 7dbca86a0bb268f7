using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace Larder.PipelinesSockets.Tests.Binding;

/// <summary>One instruction of a method body, with its metadata token where it has one.</summary>
internal readonly record struct IlInstruction(OpCode Code, int Token)
{
    private static readonly Dictionary<short, OpCode> s_codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    public static IEnumerable<IlInstruction> Read(byte[] il)
    {
        for (var at = 0; at < il.Length;)
        {
            var value = il[at] == 0xFE ? unchecked((short)(0xFE00 | il[++at])) : il[at];
            at++;
            var code = s_codes[value];
            var token = HasToken(code.OperandType) ? BinaryPrimitives.ReadInt32LittleEndian(il.AsSpan(at)) : 0;
            at += OperandSize(code.OperandType, il, at);
            yield return new(code, token);
        }
    }

    private static bool HasToken(OperandType type)
        => type is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok;

    private static int OperandSize(OperandType type, byte[] il, int at) => type switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BinaryPrimitives.ReadInt32LittleEndian(il.AsSpan(at))),
        _ => 4,
    };
}
