"""GLB (binary glTF 2.0) for web viewers, Blender and game engines.

open3d's writer is not used: its .glb holds its buffer as base64 text, which open3d itself cannot
read again. trimesh writes a sound file; what it cannot say, colours that are linear in 16 bits and
a surface that is not to be lit, is set in its tree.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8, UInt16

from slam.maps.base import Mesh
from slam.meshio import replaced_file


def write_glb(path: Path, mesh: Mesh, R_yup_world: Float64[np.ndarray, "3 3"]) -> None:
    """Write a mesh with vertex colours, in metres, y up as glTF has it.

    The colours have the light of the room in them, so the material is unlit
    (KHR_materials_unlit).
    """
    import trimesh
    from trimesh.exchange.gltf import export_glb

    shape = trimesh.Trimesh(
        mesh.vertices_m @ R_yup_world.T,
        mesh.triangles,
        vertex_attributes={"color": linear_rgba(mesh.colors)},
        process=False,
    )
    data = export_glb(shape, include_normals=False, tree_postprocessor=_name_colors)
    with replaced_file(path) as file:
        file.write(data)


def linear_rgba(colors: UInt8[np.ndarray, "v 3"]) -> UInt16[np.ndarray, "v 4"]:
    """Return opaque linear colours: glTF's COLOR_0 is not sRGB, and 8 bits would band the dark."""
    srgb = np.arange(256) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    rgba = np.full((len(colors), 4), 65535, dtype=np.uint16)
    rgba[:, :3] = np.round(65535.0 * linear).astype(np.uint16)[colors]
    return rgba


def _name_colors(tree: dict[str, Any]) -> None:
    """Make trimesh's attribute of the application the colour of an unlit material."""
    primitive = tree["meshes"][0]["primitives"][0]
    attributes = primitive["attributes"]
    attributes["COLOR_0"] = attributes.pop("_color")
    tree["accessors"][attributes["COLOR_0"]]["normalized"] = True
    primitive["material"] = 0
    tree["materials"] = [
        {
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
            "extensions": {"KHR_materials_unlit": {}},
        }
    ]
    tree["extensionsUsed"] = ["KHR_materials_unlit"]
