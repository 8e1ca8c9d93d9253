/** The catalogue of models: an editor, and the versions that there were. */

import { useQuery } from "@tanstack/preact-query";
import "../../style/catalogue.css";
import { Page } from "../../parts/page.tsx";
import { QueryView } from "../../parts/query_view.tsx";
import { TabLinks } from "../tab_links.tsx";
import { catalogueQuery } from "./catalogue_api.ts";
import { Editor } from "./editor.tsx";
import { VersionView } from "./version_view.tsx";
import { VersionsList } from "./versions_list.tsx";

const EDITOR = { path: "/staff/catalogue", label: "Editor" };
const VERSIONS = { path: "/staff/catalogue/versions", label: "Versions" };

interface Props {
  part: string | undefined;
  version: string | undefined;
}

export function CataloguePage({ part, version }: Props) {
  return (
    <Page title="Catalogue of models">
      <TabLinks
        label="About the catalogue"
        tabs={[EDITOR, VERSIONS]}
        here={part === "versions" ? VERSIONS.path : EDITOR.path}
      />
      {part === "versions" ? <Versions version={version} /> : <StoredEditor />}
    </Page>
  );
}

function Versions({ version }: { version: string | undefined }) {
  if (version === undefined) return <VersionsList />;
  return <VersionView key={version} version={Number(version)} />;
}

function StoredEditor() {
  const stored = useQuery(catalogueQuery);
  return <QueryView query={stored}>{(shown) => <Editor stored={shown} />}</QueryView>;
}
