/** The catalogues that there were, newest first. */

import { useInfiniteQuery } from "@tanstack/preact-query";
import { Moment } from "../../parts/moment.tsx";
import { Table } from "../../parts/table.tsx";
import { ActorLink } from "../actor_link.tsx";
import { ListView } from "../list_view.tsx";
import { versionsQuery } from "./catalogue_api.ts";

export function VersionsList() {
  const versions = useInfiniteQuery(versionsQuery);
  const head = (
    <>
      <th scope="col">Version</th>
      <th scope="col">Stored</th>
      <th scope="col">By</th>
    </>
  );
  return (
    <ListView query={versions} rowsOf={(page) => page.versions} empty="There was no catalogue yet.">
      {(rows) => (
        <Table label="Versions of the catalogue" head={head}>
          {rows.map(({ version, changed_at, actor }) => (
            <tr key={version}>
              <th scope="row">
                <a href={`#/staff/catalogue/versions/${version}`}>Version {version}</a>
              </th>
              <td>
                <Moment at={changed_at} />
              </td>
              <td>
                <ActorLink actor={actor} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </ListView>
  );
}
