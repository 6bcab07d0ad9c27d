use super::act::{ActDone, AdminAct};
use super::administer::Administration;
use super::administrator::Administrator;
use super::prove_act::Proof;
use super::trail::Way;
use super::visitor::Visitor;
use crate::error::{AccessError, Refusal};

impl Administration<'_> {
    /// Does an act of the administrator with this session, on proof of this very act. A dry run needs none, and
    /// neither does an access token: its owner proved to want it for such acts. What opens the owner's own account
    /// is not for it to change: with a new password it could prove anything.
    ///
    /// # Errors
    /// When the visitor is no administrator, the act is not proved, or it was not done. A ticket is then spent,
    /// unless it did not fit.
    pub async fn perform(
        &self,
        act: AdminAct,
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<ActDone, Refusal> {
        let by = self.proven(&act, proof, visitor).await?;
        let by = &by;
        match act {
            AdminAct::Create(new) => self.create(by, new).await.map(ActDone::Created),
            AdminAct::Patch(id, patch) => self.patch(by, id, patch).await.map(|()| ActDone::Changed),
            AdminAct::Rename { account, name, dry_run } => {
                self.rename(by, account, &name, dry_run).await.map(|_| ActDone::Changed)
            }
            AdminAct::ChangeGroups(id, patch) => {
                self.change_groups(by, id, &patch).await.map(|_| ActDone::Changed)
            }
            AdminAct::SignOut(id) => self.sign_out(by, id).await.map(|()| ActDone::Changed),
            AdminAct::RevokeToken(id, token) => {
                self.revoke_token(by, id, token).await.map(|()| ActDone::Changed)
            }
            AdminAct::ResetPassword(id, password) => {
                self.reset_password(by, id, password).await.map(ActDone::Created)
            }
            AdminAct::Delete(id) => self.delete(by, id).await.map(|()| ActDone::Changed),
            AdminAct::ChangeService(change) => {
                self.change_service(by, &change).await.map(|()| ActDone::Changed)
            }
            AdminAct::MoveIdentities { from, to, within: None, dry_run } => {
                self.move_identities(by, &from, &to, dry_run).await.map(ActDone::Moved)
            }
            AdminAct::MoveIdentities { from, to, within: Some(within), dry_run } => {
                self.let_identities_give_way(by, &from, &to, within, dry_run).await.map(ActDone::GivingWay)
            }
        }
    }

    async fn proven(
        &self,
        act: &AdminAct,
        proof: Proof,
        visitor: &Visitor<'_>,
    ) -> Result<Administrator, Refusal> {
        let reader = self.reader(visitor).await?;
        let is_own = reader.account().is_some_and(|own| act.concerns(own.id));
        if !act.is_dry_run() && (visitor.access_token.is_none() || is_own) {
            let trails = self.acts.trails;
            let mut trail = trails.begin(Way::Proof, visitor.source);
            let proven = match visitor.access_token {
                Some(_) => Err(AccessError::ProofNeeded.into()),
                None => self.acts.prove(&act.digest(), proof, visitor, &mut trail).await.map(drop),
            };
            trails.end(trail, proven).await?;
        }
        Ok(Administrator::of_proven_act(reader))
    }
}
