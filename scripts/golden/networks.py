#!/usr/bin/env python3
"""Golden vectors of the networks and of IADB, from the reference Python (commit of the paper).

    python3 scripts/golden/networks.py --reference DIR --out tests/golden

DIR holds the reference's folders networks/ and models/. Needs PyTorch 1.13 or later. Every case has
its options as JSON in the file's metadata and tensors named "<case>/weights/<name>",
"<case>/gradients/...", and so on. The same call gives the same bytes.
"""

import argparse
import copy
import json
import pathlib
import zlib

import torch

import reference
import safetensors_io

ALPHAS = [0.0, 0.1, 0.5, 0.9, 1.0]
STEPS = 10


def seed(name):
    torch.manual_seed(zlib.crc32(name.encode()))


def shaken(module):
    """In eval mode, with parameters and statistics that are off their neutral start values."""
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    for name, buffer in module.named_buffers():
        if name.endswith("running_mean"):
            buffer += 0.2 * torch.randn_like(buffer)
        elif name.endswith("running_var"):
            buffer += torch.rand_like(buffer)
    return module.eval()


def prefixed(prefix, tensors):
    return {f"{prefix}/{name}": tensor.detach() for name, tensor in tensors.items()}


def gradients(module, loss_of_module):
    """Of a loss, in double precision: what remains of a gradient that is zero is then no rounding noise."""
    precise = copy.deepcopy(module).double()
    loss_of_module(precise).backward()
    return {name: parameter.grad.float() for name, parameter in precise.named_parameters()}


def double(tensor):
    return None if tensor is None else tensor.double()


def blended(x, base, alpha):
    alpha = alpha[:, None, None]
    return alpha * x + (1 - alpha) * base


def loss_of(variant, prediction, x, base):
    target = x if variant == "c" else x - base
    return ((prediction - target) ** 2).flatten(1).mean(1).mean()


# U-Net ----------------------------------------------------------------------------------------------

UNET = dict(
    channels=[2, 4, 6], kernels=[5, 3], strides=[2, 2], attn=[0, 0], cond_dim=4, tcond_dim=1, factor=1000.0,
    norm="gn", activation="silu", skip_type="cat", p_drop=0.0, bias=True, use_nearest=False,
)
UNET_CASES = {
    "attention": dict(channels=[4, 32, 32], kernels=[5, 1], attn=[0, 1], cond_dim=8),
    "relu_bn": dict(activation="relu", norm="bn"),
    "leaky_add": dict(activation="leaky", norm="none", skip_type="add"),
    "tanh_no_skip": dict(activation="tanh", skip_type="none"),
    "snake": dict(activation="snake"),
    "nearest": dict(use_nearest=True),
    "id_no_norm": dict(activation="id", norm="none"),
    "no_bias": dict(bias=False),
    "stride_1": dict(strides=[1, 2]),
    "stride_3": dict(strides=[3, 2]),
    "nearest_stride_3": dict(strides=[2, 3], use_nearest=True),
    "even_kernels": dict(kernels=[4, 2]),
    "no_time_condition": dict(tcond_dim=0),
    "time_condition_2": dict(tcond_dim=2),
    "groups_do_not_divide": dict(channels=[2, 24], kernels=[3], strides=[2], attn=[0]),
}


def unet_case(ref, name, options):
    seed(name)
    published = shaken(ref.unet.UNet(**options))
    as_published = ref.unet.TimeEmbedding
    ref.unet.TimeEmbedding = reference.described_time_embedding(ref.unet)
    described = ref.unet.UNet(**options).eval()
    ref.unet.TimeEmbedding = as_published
    described.load_state_dict(published.state_dict())

    frames = 24
    x, base = torch.randn(2, options["channels"][0], frames), torch.randn(2, options["channels"][0], frames)
    conditions = {}
    if options["tcond_dim"]:
        lengths = [frames, 7, 12, 49] if name == "attention" else [frames, 7]
        conditions = {length: torch.randn(2, options["tcond_dim"], length) for length in lengths}
    cond = conditions.get(frames)
    alpha = torch.tensor([0.3, 0.7])

    tensors = {"x": x, "base": base, "alpha": alpha}
    tensors.update(prefixed("weights", published.state_dict()))
    for length, value in conditions.items():
        tensors[f"condition/{length}"] = value
        tensors[f"described/condition_{length}"] = described(x, alpha, value)
    for level in ALPHAS if name in ("attention", "nearest") else [0.5]:
        t = torch.full((2,), level)
        tensors[f"described/alpha_{level}"] = described(x, t, cond)
        tensors[f"published/alpha_{level}"] = published(x, t, cond)
    x_alpha = blended(x, base, alpha)
    for variant, module in (("c", described), ("d", published)):
        if variant == "d" and name != "nearest":
            continue
        loss = loss_of(variant, module(x_alpha, alpha, cond), x, base)
        tensors[f"loss_{variant}"] = loss
        precise_loss = lambda m: loss_of(
            variant, m(double(x_alpha), double(alpha), double(cond)), double(x), double(base)
        )
        tensors.update(prefixed(f"gradients_{variant}", gradients(module, precise_loss)))
    return prefixed(name, tensors)


def write_unet(ref, out):
    tensors, metadata = {}, {}
    for name, changes in UNET_CASES.items():
        options = {**UNET, **changes}
        tensors.update(unet_case(ref, name, options))
        metadata[name] = json.dumps(options)
    safetensors_io.write(out / "unet.safetensors", tensors, metadata)


# Semantic encoders ----------------------------------------------------------------------------------

ENCODER = dict(
    n_comp=2, in_dim=4, channels=[6, 8, 1], kernel=3, strides=1, attn=0, activation="silu", norm="none",
    out_fn="id", add_gru=False, bias=True, p_drop=0.0,
)
ENCODER_CASES = {
    "multi": {},
    "multi_gru": dict(add_gru=True, channels=[6, 3]),
    "multi_stride": dict(strides=[2, 1], channels=[6, 2]),
    "multi_groups": dict(norm="gn", channels=[6, 2]),
    "multi_batch_norm": dict(norm="bn", channels=[6, 2], bias=False),
    "multi_snake_tanh": dict(activation="snake", out_fn="tanh", channels=[6, 2]),
    "multi_snake_out": dict(out_fn="snake", channels=[6, 2]),
    "multi_attention": dict(n_comp=1, in_dim=66, channels=[1], kernel=1, attn=1, norm="gn"),
    "common": dict(kind="common", channels=[6, 4]),
    "common_gru_snake": dict(kind="common", channels=[6, 4], add_gru=True, out_fn="snake", strides=[2, 2]),
}


def make_encoder(ref, options):
    options = dict(options)
    kind = options.pop("kind", "multi")
    return (ref.encoder.CommonBlockEncoder if kind == "common" else ref.encoder.MultiEncoder)(**options)


def encoder_case(ref, name, options):
    seed(name)
    encoder = shaken(make_encoder(ref, options))
    x = torch.randn(2, options["in_dim"], 13)
    z = encoder(x)
    target = torch.randn_like(z)
    loss = ((z - target) ** 2).mean()
    tensors = {"x": x, "z": z, "target": target, "loss": loss}
    tensors.update(prefixed("weights", encoder.state_dict()))
    tensors.update(
        prefixed("gradients", gradients(encoder, lambda m: ((m(double(x)) - double(target)) ** 2).mean()))
    )
    return prefixed(name, tensors)


def per_level(options):
    """The options with one entry a level, as Partita has them."""
    options = {"kind": "multi", **options}
    levels = len(options["channels"])
    for key in ("kernel", "strides", "attn"):
        if isinstance(options[key], int):
            options[key] = [options[key]] * levels
    return options


def write_encoders(ref, out):
    tensors, metadata = {}, {}
    for name, changes in ENCODER_CASES.items():
        options = {**ENCODER, **changes}
        tensors.update(encoder_case(ref, name, options))
        metadata[name] = json.dumps(per_level(options))
    safetensors_io.write(out / "semantic_encoder.safetensors", tensors, metadata)


# Decomposition and sampling -------------------------------------------------------------------------


class Sampler:
    """The reference's IADB sampling and losses around a network, without its trainer."""

    def __init__(self, ref, unet):
        class Decomposition(ref.iadb.AudioDecompIADB):
            def __init__(self):
                self.model, self.use_ema, self.device, self.red_fn = unet, False, "cpu", "mean"

            def set_eval(self):
                self.model.eval()

        self.iadb = Decomposition()
        self.states = []
        unet.register_forward_pre_hook(lambda _, inputs: self.states.append(inputs[0].clone()))

    def trajectory(self, variant, **arguments):
        """States after each step `[step, batch, channel, frame]`."""
        self.states.clear()
        sample = self.iadb.sample_c if variant == "c" else self.iadb.sample_d
        last = sample(steps=STEPS, **arguments)
        return torch.stack(self.states[1:] + [last])


def decomposition_case(ref, operator, unet_options, encoder_options):
    seed("decomposition")
    as_published = ref.unet.TimeEmbedding
    ref.unet.TimeEmbedding = reference.described_time_embedding(ref.unet)
    n_comp = encoder_options["n_comp"]
    unet = shaken(ref.unet.DecompUNet(n_comp=n_comp, comp_function=operator, **unet_options))
    ref.unet.TimeEmbedding = as_published
    encoder = shaken(make_encoder(ref, encoder_options))
    model = torch.nn.ModuleDict({"encoder": encoder, "unet": unet})
    sampler = Sampler(ref, unet)

    x, base = torch.randn(2, 4, 16), torch.randn(2, 4, 16)
    alpha = torch.tensor([0.2, 0.8])
    z = encoder(x)
    result = unet(blended(x, base, alpha), alpha, z)
    shared = {"x": x, "base": base, "alpha": alpha, "z": z, "components": result["components"]}
    shared["component_1"] = unet(blended(x, base, alpha), alpha, z, component_idx=1)["out"]
    shared.update(prefixed("weights", model.state_dict()))
    tensors = {"out": result["out"]}
    for variant, function in (("c", sampler.iadb.loss_c), ("d", sampler.iadb.loss_d)):
        loss = function(d=result["out"], x=x, base=base)
        tensors[f"loss_{variant}"] = loss
        if variant == "c" or operator == "mean":
            x2, base2, alpha2 = double(x), double(base), double(alpha)
            precise_loss = lambda m: function(
                d=m["unet"](blended(x2, base2, alpha2), alpha2, m["encoder"](x2))["out"], x=x2, base=base2
            )
            tensors.update(prefixed(f"gradients_{variant}", gradients(model, precise_loss)))
    if operator == "mean":
        for variant in "cd":
            shared[f"trajectory_{variant}/composed"] = sampler.trajectory(variant, base=base, cond=z)
            for k in range(n_comp):
                shared[f"trajectory_{variant}/component_{k}"] = sampler.trajectory(
                    variant, base=base, cond=z, component_idx=k
                )
    return shared, prefixed(operator, tensors)


def write_decomposition(ref, out):
    unet = {**UNET, "channels": [4, 8, 8]}
    encoder = {**ENCODER, "channels": [6, 1]}
    tensors = {}
    for operator in ("sum", "min", "max", "mean"):
        shared, own = decomposition_case(ref, operator, unet, encoder)
        tensors.update(own)
    tensors.update(prefixed("shared", shared))
    metadata = {"unet": json.dumps(unet), "encoder": json.dumps(per_level(encoder))}
    safetensors_io.write(out / "decomposition.safetensors", tensors, metadata)


# The paper's configurations -------------------------------------------------------------------------

PAPER_UNET = dict(
    channels=[128, 128, 256, 256, 512], kernels=[5, 3, 3, 3], strides=[2, 2, 2, 2], attn=[0, 0, 0, 1],
    cond_dim=128, tcond_dim=1, factor=1000.0, norm="gn", activation="silu", skip_type="cat", p_drop=0.1,
    bias=True, use_nearest=False,
)
PRIOR_UNET = {
    **PAPER_UNET, "channels": [2, 64, 128, 256, 512], "kernels": [3, 3, 3, 3], "strides": [1, 2, 2, 2],
    "tcond_dim": 2,
}
PAPER_ENCODER = {**ENCODER, "in_dim": 128, "channels": [256, 512, 1]}


def write_names(path, module):
    """Lines "name shape" in the module's order after a line with the count of parameters."""
    count = sum(parameter.numel() for parameter in module.parameters())
    lines = [f"# {count} parameters"]
    for name, tensor in module.state_dict().items():
        lines.append(f"{name} {'x'.join(str(size) for size in tensor.shape)}")
    path.write_text("\n".join(lines) + "\n")


def write_paper(ref, out):
    write_names(out / "paper_unet.txt", ref.unet.DecompUNet(n_comp=2, comp_function="mean", **PAPER_UNET))
    write_names(out / "paper_prior_unet.txt", ref.unet.UNet(**PRIOR_UNET))
    write_names(out / "paper_semantic_encoder.txt", make_encoder(ref, PAPER_ENCODER))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=pathlib.Path, required=True, help="the reference's folder")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the golden vectors")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    ref = reference.load(arguments.reference.resolve())
    ref.blocks.SnakeBeta.forward = reference.snake_forward
    write_unet(ref, arguments.out)
    write_encoders(ref, arguments.out)
    write_decomposition(ref, arguments.out)
    write_paper(ref, arguments.out)


if __name__ == "__main__":
    main()
