/** A hub of one's own, on workerd or Miniflare: neither knows jurisdictions. */
import { expect, test } from "vitest";

import { createMesh, getMesh } from "../../shared/api/meshes.ts";
import { MeshRig } from "../support/mesh-rig.ts";

test("[DEP13] workerd and Miniflare refuse a mesh with a jurisdiction, and say why", async () => {
  const rig = new MeshRig();
  try {
    await rig.startHub();
    const make = rig.call(createMesh, { body: { name: "prod.eu", jurisdiction: "eu" } });
    await expect(make).rejects.toThrow(
      "jurisdiction: this hub cannot keep a mesh in eu: its platform does not know the jurisdiction",
    );
    const refused = "error: jurisdiction: this hub cannot keep a mesh in eu";
    // The command line makes the name; one that says another place is compared by the hub.
    const made = await rig.catwalk("mesh", "create", "prod", "--jurisdiction", "eu");
    expect(made).toMatchObject({ status: 1, out: "", err: expect.stringContaining(refused) });
    const other = await rig.catwalk("mesh", "create", "prod.us", "--jurisdiction", "eu");
    expect(other.err).toContain("never changes: a mesh in eu has a name that ends in .eu");
    const unknown = await rig.catwalk("mesh", "create", "prod", "--jurisdiction", "de");
    expect(unknown).toMatchObject({ status: 2, err: expect.stringContaining("eu, us, fedramp") });
    const get = rig.call(getMesh, { params: { mesh: "prod.eu" } });
    await expect(get).rejects.toThrow("the hub has no mesh named prod.eu");
    await expect(rig.call(createMesh, { body: { name: "prod" } })).resolves.toMatchObject({
      name: "prod",
    });
  } finally {
    await rig.stop();
  }
});
