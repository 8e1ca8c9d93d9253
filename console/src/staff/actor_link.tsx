/** Whoever acted: a superuser, or an operator, who has no page. */

export function ActorLink({ actor, name = null }: { actor: string; name?: string | null }) {
  if (actor === "operator") return <>an operator</>;
  return (
    <a href={`#/staff/users/${actor}`} class="breaking">
      {name === null ? <code>{actor}</code> : <bdi>{name}</bdi>}
    </a>
  );
}
